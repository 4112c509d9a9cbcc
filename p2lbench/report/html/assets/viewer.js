"use strict";
/* Target against reconstruction: choose image, method, repeat and candidate. */
(() => {
  const viewer = document.getElementById("viewer");
  if (!viewer) return;
  const { images, methods, metrics, shown } = report.data.gallery;
  const { element } = report;
  const at = (id) => document.getElementById(id);
  const state = { image: 0, row: null, repeat: null, candidate: null };

  const cellsOf = (row) => images[state.image].cells.filter((cell) => cell.row === row);
  const current = () => cellsOf(state.row).find((cell) => cell.repeat === state.repeat);
  const rows = () => [...new Set(images[state.image].cells.map((cell) => cell.row))].sort((a, b) => a - b);
  const small = (cell) => Math.max(...cell.size.split("x").map(Number)) <= 96;

  /* Stays with what was chosen as far as the image has it. */
  const settle = () => {
    if (!rows().includes(state.row)) state.row = rows()[0];
    const repeats = cellsOf(state.row).map((cell) => cell.repeat);
    if (!repeats.includes(state.repeat)) state.repeat = Math.min(...repeats);
    const cell = current();
    if (state.candidate === null || !cell.pictures[state.candidate]) state.candidate = cell.selected;
  };

  const fill = (select, entries, chosen) => {
    select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
    select.value = chosen;
  };

  const drawPickers = () => {
    fill(at("pick-image"), images.map((image, k) => [k, titled(image)]), state.image);
    fill(at("pick-method"), rows().map((row) => [row, methods[row]]), state.row);
    const repeats = cellsOf(state.row).map((cell) => cell.repeat).sort((a, b) => a - b);
    fill(at("pick-repeat"), repeats.map((repeat) => [repeat, repeat]), state.repeat);
    at("repeat-picker").hidden = repeats.length < 2;
  };

  const titled = (image) => (image.class ? `${image.name} (${image.class})` : image.name);

  const drawStage = () => {
    const image = images[state.image];
    const cell = current();
    const stage = at("stage");
    const target = image.targets[cell.size];
    const mask = image.masks[cell.size];
    const [height, width] = cell.size.split("x").map(Number);
    stage.style.aspectRatio = `${width} / ${height}`;
    stage.classList.toggle("small", small(cell));
    stage.classList.toggle("alone", !target);
    at("no-target").hidden = Boolean(target);
    at("target").hidden = !target;
    if (target) at("target").src = target;
    at("target").alt = `Target ${titled(image)}`;
    at("mask-label").hidden = !mask;
    at("veil").hidden = !(mask && at("mask").checked);
    if (mask) at("veil").src = mask;
    at("made").src = cell.pictures[state.candidate];
    at("made").alt = `Reconstruction by ${methods[state.row]}, ${named(cell)}`;
  };

  const named = (cell) => {
    const chosen = state.candidate === cell.selected ? ", selected" : "";
    return `candidate ${state.candidate}${chosen}`;
  };

  const drawValues = () => {
    const cell = current();
    at("values-title").textContent = `${methods[state.row]} on ${images[state.image].name}, ${named(cell)}`;
    at("values").replaceChildren(...cell.values[state.candidate].map((text, k) =>
      element("div", {}, element("dt", {}, metrics[k]), element("dd", {}, text))));
  };

  const thumb = (picture, cell, lines, pressed, act, row) => {
    const button = element("button", { type: "button", "aria-pressed": pressed, "data-row": row });
    button.append(picture
      ? element("img", { src: picture, alt: "", class: small(cell) ? "small" : null })
      : element("span", { class: "none" }, "left out"));
    lines.forEach(([kind, text]) => button.append(element("span", { class: kind }, text)));
    button.disabled = !picture;
    button.addEventListener("click", act);
    return button;
  };

  /* Draws a group anew and leaves the focus where it was in it. */
  const replace = (group, made) => {
    const focused = [...group.children].indexOf(document.activeElement);
    group.replaceChildren(...made);
    if (focused >= 0) group.children[focused]?.focus();
  };

  const drawMethods = () => {
    replace(at("methods"), rows().map((row) => {
      const cell = cellsOf(row).find((one) => one.repeat === state.repeat) ?? cellsOf(row)[0];
      const lines = [["name", methods[row]], ["value", cell.values[cell.selected][shown]]];
      return thumb(cell.pictures[cell.selected], cell, lines, row === state.row, () => {
        Object.assign(state, { row, candidate: null });
        draw();
      }, row);
    }));
    hide();
  };

  const drawCandidates = () => {
    const cell = current();
    at("candidates-strip").hidden = cell.pictures.length < 2;
    replace(at("candidates"), cell.pictures.map((picture, k) => {
      const lines = [["name", `${k}${k === cell.selected ? ", selected" : ""}`]];
      if (cell.values[k]) lines.push(["value", cell.values[k][0]]);
      return thumb(picture, cell, lines, k === state.candidate, () => {
        state.candidate = k;
        draw();
      });
    }));
  };

  const hide = () => {
    for (const button of at("methods").children) {
      button.hidden = !report.shown.has(Number(button.dataset.row));
    }
  };

  const draw = () => {
    settle();
    drawPickers();
    drawStage();
    drawValues();
    drawMethods();
    drawCandidates();
  };

  const slide = () => {
    const value = at("slider").value;
    at("stage").style.setProperty("--split", `${value}%`);
    at("slider").setAttribute("aria-valuetext", `${value}% target, ${100 - value}% reconstruction`);
  };

  const choose = (id, key) => at(id).addEventListener("change", (event) => {
    state[key] = Number(event.target.value);
    state.candidate = null;
    draw();
  });
  choose("pick-image", "image");
  choose("pick-method", "row");
  choose("pick-repeat", "repeat");
  at("mask").addEventListener("change", drawStage);
  at("slider").addEventListener("input", slide);
  report.on("rows", hide);

  /* Numbers of the table of images lead to their pictures. */
  const heat = document.getElementById("heat");
  const places = new Map(images.map((image, k) => [image.name, k]));
  const columns = heat ? [...heat.tHead.rows[0].cells].slice(1).map((head) => head.textContent) : [];
  for (const cell of heat ? heat.querySelectorAll("td[data-image]") : []) {
    const image = places.get(columns[Number(cell.dataset.image)]);
    const row = Number(cell.parentElement.dataset.row);
    if (image === undefined || !images[image].cells.some((one) => one.row === row)) continue;
    const button = element("button", { type: "button", title: "Show the picture" }, ...cell.childNodes);
    button.addEventListener("click", () => {
      Object.assign(state, { image, row, repeat: null, candidate: null });
      draw();
      at("pictures").scrollIntoView();
      at("slider").focus({ preventScroll: true });
    });
    cell.append(button);
  }

  at("methods-title").textContent += `: ${metrics[shown]}`;
  at("candidates-title").textContent += `: ${metrics[0]}`;
  viewer.hidden = false;
  slide();
  draw();
})();
