"use strict";
/* Charts, drawn from the same description in light and dark, and again when that changes. */
(() => {
  const { element, colour, escaped: wrapped } = report;
  const COLOURS = 7;
  const DASHES = ["solid", "dash", "dot"];
  const STROKES = ["", "6 3", "2 2"];
  const AT_FIRST = 14; // rows that a chart shows until others are asked for

  const style = (row) => ({ colour: `c${row % COLOURS}`, dash: Math.floor(row / COLOURS) % DASHES.length });

  const trace = (series, palette, labelled, middle, share) => {
    const { colour: name, dash } = series.row === null ? { colour: "muted", dash: 2 } : style(series.row);
    const ink = palette[name];
    const method = series.row === null ? "" : report.data.methods[series.row];
    const points = series.kind === "points";
    const texts = series.texts.length ? series.texts.map(wrapped) : null;
    return {
      x: series.x,
      y: series.y,
      type: "scatter",
      mode: points ? (labelled ? "markers+text" : "markers") : series.kind === "line" && !series.faint ? "lines+markers" : "lines",
      name: wrapped(method),
      text: points ? series.x.map(() => `  ${wrapped(series.label)}  `) : undefined,
      textposition: series.x[0] > middle ? "middle left" : "middle right",
      cliponaxis: false,
      textfont: { color: palette.ink, size: 12 },
      hovertext: texts ?? undefined,
      hoverinfo: series.row === null ? "skip" : undefined,
      hovertemplate: series.row === null ? undefined
        : texts ? "%{hovertext}<extra></extra>"
          : `${wrapped(method)}${series.faint ? ", best" : ""}<br>%{y${share ? ":.0%" : ":.4g"}} at %{x:,.4~g}<extra></extra>`,
      opacity: series.faint ? 0.5 : 1,
      line: { color: ink, dash: DASHES[dash], width: series.faint ? 1.2 : 2.2, shape: series.kind === "steps" ? "hv" : "linear" },
      marker: {
        color: series.strong || !points ? ink : palette.ground,
        size: points ? 12 : 6,
        symbol: points ? ["circle", "square", "diamond"][dash] : "circle",
        line: { color: ink, width: points ? 2 : 0 },
      },
    };
  };

  /* Ticks at 1, 2 and 5, or at more or fewer digits, as the span asks for. */
  const ticks = (values, log, narrow) => {
    const known = values.filter((value) => !log || value > 0);
    const low = Math.min(...known), high = Math.max(...known);
    if (log) return high > (narrow ? 500 : 3000) * low ? 1 : high > 8 * low ? "D2" : "D1";
    const whole = known.every(Number.isInteger) && high <= 20;
    return whole ? 1 : undefined;
  };

  const axis = (values, log, zero, palette, narrow) => ({
    type: log ? "log" : "linear",
    rangemode: zero ? "tozero" : "normal",
    gridcolor: palette.line,
    linecolor: palette.muted,
    zeroline: false,
    automargin: true,
    tickformat: log ? "~g" : undefined,
    separatethousands: true,
    dtick: ticks(values, log, narrow),
    nticks: narrow ? 5 : 10,
  });

  /* The points whose labels do not fall on those of points before them, which rank better. */
  const apart = (points, log, zero) => {
    const scale = (values, way) => values.map((value) => (way ? Math.log(value) : value));
    const share = (values, from) => {
      const low = Math.min(from, ...values), span = Math.max(...values) - low || 1;
      return values.map((value) => (value - low) / span);
    };
    const [xs, ys] = ["x", "y"].map((name) => {
      const values = scale(points.map((one) => one[name][0]), log.includes(name));
      return share(values, zero && name === "x" && !log.includes(name) ? 0 : Infinity);
    });
    const kept = [];
    points.forEach((_, k) => {
      if (kept.every((j) => Math.abs(xs[k] - xs[j]) > .25 || Math.abs(ys[k] - ys[j]) > .045)) kept.push(k);
    });
    return new Set(kept.map((k) => points[k]));
  };

  /* Where an axis has its middle: labels of points stand towards it. */
  const centre = (values, log, zero) => {
    const low = Math.min(...values), high = Math.max(...values);
    return log ? Math.sqrt(low * high) : ((zero ? 0 : low) + high) / 2;
  };

  const palettes = () => Object.fromEntries(
    ["ink", "muted", "line", "ground", ...Array.from({ length: COLOURS }, (_, k) => `c${k}`)]
      .map((name) => [name, colour(name)]));

  const chart = (section) => {
    const figure = report.data.figures[Number(section.dataset.figure)];
    const place = section.querySelector(".chart");
    const keys = section.querySelector(".keys");
    const select = section.querySelector("select.view");
    const view = () => figure.views[select ? Number(select.value) : 0];
    const rows = () => [...new Set(view().series.map((one) => one.row))].filter((row) => row !== null).sort((a, b) => a - b);
    const off = new Set(rows().slice(AT_FIRST));
    const visible = (row) => row === null || (report.shown.has(row) && !off.has(row));

    const draw = () => {
      const palette = palettes();
      const paper = matchMedia("print").matches;
      const narrow = !paper && place.clientWidth < 520;
      const { logs, zero, share, series } = view();
      const along = (name) => series.flatMap((one) => one[name]);
      section.querySelector(".x-title").textContent = `${view().x} →`;
      section.querySelector(".y-title").textContent = `↑ ${view().y}`;
      const kept = series.filter((one) => visible(one.row));
      const middle = centre(kept.filter((one) => one.row !== null).flatMap((one) => one.x), logs.includes("x"), zero);
      const points = narrow ? [] : kept.filter((one) => one.kind === "points");
      const labelled = apart(points, logs, zero);
      const drawn = kept.map((one) => trace(one, palette, labelled.has(one), middle, share));
      Plotly.react(place, drawn, {
        ...report.frame(place),
        xaxis: axis(along("x"), logs.includes("x"), zero, palette, narrow),
        yaxis: {
          ...axis(along("y"), logs.includes("y"), false, palette, narrow),
          ...(along("y").every((y) => y >= 0) ? { rangemode: "nonnegative" } : {}),
          ...(share ? { range: [-.02, 1.02], dtick: .2, tickformat: ".0%" } : {}),
        },
      }, {
        displayModeBar: false,
      });
    };

    const swatch = (row) => {
      const { colour: name, dash } = style(row);
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("width", 22);
      svg.setAttribute("height", 8);
      svg.setAttribute("aria-hidden", "true");
      const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
      line.setAttribute("d", "M0 4H22");
      line.style.stroke = `var(--${name})`;
      line.style.strokeWidth = "3";
      line.style.strokeDasharray = STROKES[dash];
      svg.append(line);
      return svg;
    };

    const drawKeys = () => {
      const made = rows().map((row) => {
        const button = element("button", { type: "button", "aria-pressed": !off.has(row), "data-row": row },
          swatch(row), element("span", {}, report.data.methods[row]));
        button.addEventListener("click", () => {
          if (!off.delete(row)) off.add(row);
          button.setAttribute("aria-pressed", !off.has(row));
          draw();
        });
        return button;
      });
      keys.replaceChildren(...made);
      follow();
    };
    const follow = () => {
      for (const button of keys.children) button.hidden = !report.shown.has(Number(button.dataset.row));
      keys.hidden = false;
    };

    if (select) {
      select.addEventListener("change", () => { drawKeys(); draw(); });
    }
    report.on("rows", () => { follow(); draw(); });
    drawKeys();
    report.keep(section, place, figure.key, draw);
  };

  document.querySelectorAll("[data-figure]").forEach(chart);
})();
