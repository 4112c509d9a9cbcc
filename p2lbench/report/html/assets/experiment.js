"use strict";
/* The paper's own figures: bars, curves by rank, a map of steps, and pictures. */
(() => {
  const { element, colour, escaped, frame, keep } = report;
  const NARROW = 520;

  const dark = () => getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  /* From blue, the best, by purple to red. */
  const ranked = (place) => `hsl(${Math.round(222 + 138 * place)} ${dark() ? "85% 68%" : "75% 44%"})`;
  const cut = (text, length) => escaped(text.length > length ? `${text.slice(0, length - 1)}…` : text);
  const grid = () => ({ gridcolor: colour("line"), linecolor: colour("muted"), zeroline: false, automargin: true });

  const bars = (part, place) => {
    const narrow = place.clientWidth < NARROW;
    const names = part.bars.map((_, k) => k);
    const layers = part.parts.length ? part.parts : [""];
    const traces = layers.map((name, j) => ({
      type: "bar",
      orientation: "h",
      y: names,
      x: part.bars.map((bar) => (part.parts.length ? bar.parts[j] : bar.value)),
      name: escaped(name),
      marker: { color: colour(["c0", "c4"][j % 2]) },
      hovertext: part.bars.map((bar) => escaped(bar.text)),
      hovertemplate: `%{hovertext}${name ? `<br>${escaped(name)}: %{x:.3g}` : ""}<extra></extra>`,
      error_x: part.bars.some((bar) => bar.error !== null)
        ? { type: "data", array: part.bars.map((bar) => bar.error ?? 0), color: colour("ink"), thickness: 1.4, width: 4 } : undefined,
    }));
    if (part.bars.some((bar) => bar.paper !== null)) {
      const known = names.filter((k) => part.bars[k].paper !== null);
      traces.push({
        type: "scatter", mode: "markers", name: "the paper", y: known, x: known.map((k) => part.bars[k].paper),
        marker: { symbol: "diamond-open", size: 11, color: colour("ink"), line: { width: 2 } },
        hovertemplate: "the paper: %{x:.3g}<extra></extra>",
      });
    }
    const tall = Math.max(190, 30 * part.bars.length + 90);
    place.style.height = `${tall}px`;
    Plotly.react(place, traces, {
      ...frame(place),
      height: tall,
      barmode: "stack",
      bargap: .3,
      xaxis: { ...grid(), rangemode: "tozero", nticks: narrow ? 5 : 10 },
      yaxis: {
        ...grid(), autorange: "reversed", showgrid: false, ticks: "",
        tickvals: names, ticktext: part.bars.map((bar) => cut(bar.label, narrow ? 18 : 48)),
      },
      showlegend: traces.length > 1,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", traceorder: "normal" },
      dragmode: false,
    }, { displayModeBar: false });
  };

  const curves = (part, place) => {
    const narrow = place.clientWidth < NARROW;
    const traces = part.curves.map((curve) => ({
      type: "scatter", mode: "lines", x: curve.x, y: curve.y,
      line: { color: ranked(curve.place), width: 2, shape: "hv" },
      hovertemplate: `${escaped(curve.label)}<br>%{y:.4g} at %{x:,.4~g}<extra></extra>`,
    }));
    Plotly.react(place, traces, {
      ...frame(place),
      xaxis: { ...grid(), type: "log", tickformat: "~g", dtick: narrow ? 1 : "D2" },
      yaxis: { ...grid(), type: part.log ? "log" : "linear", tickformat: part.log ? "~g" : undefined, nticks: 8 },
    }, { displayModeBar: false });
  };

  const heat = (part, place) => {
    const scale = [[0, "#2b6cb8"], [.5, "#f4f1ea"], [1, "#bf2a34"]];
    Plotly.react(place, [{
      type: "heatmap",
      x: part.xs.map(String), y: part.ys.map(String), z: part.values, text: part.texts,
      texttemplate: "%{text}", xgap: 2, ygap: 2,
      colorscale: scale, reversescale: part.higher, showscale: place.clientWidth >= NARROW,
      colorbar: { thickness: 12, outlinewidth: 0, tickfont: { color: colour("ink") } },
      hovertemplate: `%{x} × %{y}: %{text} ${escaped(part.metric)}<extra></extra>`,
    }], {
      ...frame(place),
      xaxis: { ...grid(), type: "category", showgrid: false, ticks: "" },
      yaxis: { ...grid(), type: "category", showgrid: false, ticks: "" },
      dragmode: false,
    }, { displayModeBar: false });
  };

  const ways = (part, place) => {
    const narrow = place.clientWidth < NARROW;
    const lines = part.ways.map((way, k) => ({
      type: "scatter", mode: k || narrow ? "lines+markers" : "lines+markers+text", name: cut(way.label, 40),
      x: way.x, y: way.y, text: part.labels.map((name) => ` ${escaped(name)}`), hovertext: way.names.map(escaped), textposition: "top right", textfont: { size: 11 },
      cliponaxis: false, line: { color: colour(`c${k % 7}`), width: 2, dash: ["solid", "dash", "dot"][Math.floor(k / 7) % 3] },
      hovertemplate: `${escaped(way.label)}, %{hovertext}<br>%{y:.3g} at %{x:.3g}<extra></extra>`,
    }));
    const stars = part.ways.map((way, k) => ({ ...way, k })).filter((way) => way.star).map((way) => ({
      type: "scatter", mode: "markers", x: [way.star[0]], y: [way.star[1]], showlegend: false,
      marker: { symbol: "star", size: 14, color: colour(`c${way.k % 7}`) },
      hovertemplate: `${escaped(way.label)}, fine-tuned to one loss<br>%{y:.3g} at %{x:.3g}<extra></extra>`,
    }));
    Plotly.react(place, [...lines, ...stars], {
      ...frame(place),
      xaxis: { ...grid(), type: "log", autorange: "reversed", tickformat: "~g", dtick: narrow ? "D2" : "D1" },
      yaxis: { ...grid(), nticks: 8 },
      showlegend: true,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
    }, { displayModeBar: false });
  };

  const KINDS = { bars, curves, heat, ways };

  /* Pictures are those of the viewer: a candidate that is not in the page has none. */
  const picture = (source, said, caption) => {
    const image = source ? element("img", { src: source, alt: said }) : element("span", { class: "empty", title: "not in this page" });
    return element("figure", {}, image, element("figcaption", {}, caption));
  };
  const pictures = (part, place) => {
    place.replaceChildren(...part.images.map((image) => {
      const shown = report.data.gallery.images[image.at];
      const lines = image.shots.map((shots) => {
        const cell = shown.cells.find((one) => one.row === shots.row && one.repeat === 0);
        const made = shots.candidates.map((k, j) => picture(cell?.pictures[k], `${shots.label}, candidate ${k}`, shots.values[j]));
        return element("div", { class: "shots" }, element("h4", {}, shots.label), element("div", { class: "row" }, ...made));
      });
      const size = shown.cells[0]?.size;
      const target = element("div", { class: "wanted" }, picture(shown.targets[size], `the target ${image.name}`, image.name));
      return element("div", { class: "tops" }, target, element("div", { class: "all" }, ...lines));
    }));
  };

  document.querySelectorAll("[data-part]").forEach((section) => {
    const part = report.data.paper[Number(section.dataset.part)];
    const place = section.querySelector(".chart, .pictures-of");
    if (part.kind === "pictures") pictures(part, place);
    else keep(section, place, section.id, () => KINDS[part.kind](part, place));
    section.querySelectorAll(".rank-key").forEach((key) => {
      const paint = () => { key.style.background = ranked(Number(key.dataset.place)); };
      report.on("theme", paint);
      paint();
    });
  });
})();
