"use strict";
/* What the page's scripts share: the data, which rows are shown, the theme. */
const report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const shown = new Set(data.methods.map((_, row) => row));
  const listeners = { rows: [], theme: [], cell: [] };

  const on = (event, act) => listeners[event].push(act);
  const tell = (event, what) => listeners[event].forEach((act) => act(what));

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  /* A colour as the browser resolves it now: canvases and charts know no variables. */
  const colour = (name) => {
    const probe = document.body.appendChild(element("i"));
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };

  document.querySelectorAll(".scriptless").forEach((said) => said.remove());

  const themes = ["system", "light", "dark"];
  const button = document.getElementById("theme");
  const remembered = () => {
    try { return localStorage.getItem("p2lbench-theme"); } catch { return null; }
  };
  const remember = (theme) => {
    try { localStorage.setItem("p2lbench-theme", theme); } catch { /* not allowed here */ }
  };
  const apply = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    tell("theme");
  };
  let theme = themes.includes(remembered()) ? remembered() : "system";
  button.hidden = false;
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    remember(theme);
    apply(theme);
  });
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => tell("theme"));
  }
  apply(theme);

  /* What all charts have: their size, on paper that of a sheet, their ground and their letters. */
  const frame = (place) => {
    const size = matchMedia("print").matches ? { width: 660, height: 380 } : { width: place.clientWidth, height: place.clientHeight };
    const [ground, ink, line] = ["ground", "ink", "line"].map(colour);
    return {
      ...size,
      paper_bgcolor: ground,
      plot_bgcolor: ground,
      font: { color: ink, family: getComputedStyle(document.body).fontFamily, size: 13 },
      margin: { l: 10, r: 24, t: 18, b: 10 },
      hoverlabel: { bgcolor: ground, bordercolor: line, font: { color: ink }, align: "left", namelength: -1 },
      hovermode: "closest",
      showlegend: false,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    };
  };
  const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

  /* Draws now, when the theme changes, and when the place gets another width; lets it be saved. */
  const keep = (section, place, name, draw) => {
    section.querySelector(".tools").hidden = false;
    section.querySelector(".save").addEventListener("click", () => Plotly.downloadImage(place, {
      format: "svg", filename: `p2lbench-${name}`, width: place.clientWidth, height: place.clientHeight,
    }));
    on("theme", draw);
    let width = place.clientWidth;
    new ResizeObserver(() => {
      if (width === place.clientWidth || matchMedia("print").matches) return;
      width = place.clientWidth;
      draw();
    }).observe(place);
    draw();
  };

  return { data, shown, on, tell, element, colour, frame, escaped, keep };
})();
