"use strict";
/* The leaderboard: which statistic, which rows, in which order. */
(() => {
  const table = document.getElementById("board");
  const body = table.tBodies[0];
  const lines = [...body.rows].filter((line) => line.dataset.row !== undefined);
  const tools = document.getElementById("board-tools");
  const said = document.getElementById("board-said");
  const heads = [...table.tHead.rows].at(-1).cells;
  const filters = [...tools.querySelectorAll(".filter")];
  const find = document.getElementById("find");
  let sorted = { column: 0, direction: "ascending" };

  /* What a cell is sorted by: a number, else text; nothing where there is no value. */
  const key = (line, column) => {
    const cell = line.cells[column];
    const part = cell.querySelector(`.of-${table.dataset.statistic}`) ?? cell;
    const value = part.dataset.v;
    if (value === undefined) return null;
    return value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
  };
  const compared = (a, b) => {
    if (typeof a === typeof b && typeof a === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  };

  /* Rows that miss images stay last: no order may rank them. */
  const sort = () => {
    const { column, direction } = sorted;
    const sign = direction === "descending" ? -1 : 1;
    const keyed = lines.map((line) => ({
      line, value: key(line, column), partial: "partial" in line.dataset, row: Number(line.dataset.row),
    }));
    keyed.sort((a, b) =>
      a.partial - b.partial
      || (a.value === null) - (b.value === null)
      || (a.value === null ? 0 : sign * compared(a.value, b.value))
      || a.row - b.row);
    body.append(...keyed.map((one) => one.line));
    [...heads].forEach((head, k) => {
      if (k === column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    });
    speak();
  };

  const speak = () => {
    const label = heads[sorted.column].querySelector(".sort").textContent;
    said.textContent =
      `${report.shown.size} of ${lines.length} rows, sorted by ${label}, ${sorted.direction}`;
  };

  [...heads].forEach((head, column) => {
    const button = head.querySelector(".sort");
    button.addEventListener("click", () => {
      const again = sorted.column === column;
      const other = sorted.direction === "ascending" ? "descending" : "ascending";
      sorted = { column, direction: again ? other : button.dataset.first };
      sort();
    });
  });

  /* Rows of every table and chart follow the filters. */
  const filter = () => {
    const wanted = filters.map((one) => {
      const boxes = [...one.querySelectorAll("input")];
      const on = boxes.filter((box) => box.checked).map((box) => box.value);
      const all = on.length === boxes.length;
      one.querySelector(".chosen").textContent = all ? "" : ` ${on.length} of ${boxes.length}`;
      return { axis: Number(one.dataset.axis), on: new Set(on) };
    });
    const text = find.value.trim().toLowerCase();
    report.shown.clear();
    for (const line of lines) {
      const axes = JSON.parse(line.dataset.axes);
      const named = axes.join(" ").toLowerCase().includes(text);
      if (named && wanted.every(({ axis, on }) => on.has(axes[axis]))) {
        report.shown.add(Number(line.dataset.row));
      }
    }
    document.querySelectorAll("tr[data-row]").forEach((line) => {
      line.hidden = !report.shown.has(Number(line.dataset.row));
    });
    speak();
    report.tell("rows");
  };

  find.addEventListener("input", filter);
  for (const one of filters) {
    const boxes = [...one.querySelectorAll("input")];
    one.addEventListener("change", filter);
    one.addEventListener("toggle", () => {
      const choices = one.querySelector(".choices");
      choices.style.left = "";
      const over = choices.getBoundingClientRect().right - document.documentElement.clientWidth + 12;
      if (over > 0) choices.style.left = `${-over}px`;
    });
    for (const [name, checked] of [["all", true], ["none", false]]) {
      one.querySelector(`.${name}`).addEventListener("click", () => {
        boxes.forEach((box) => { box.checked = checked; });
        filter();
      });
    }
  }
  const closed = (event) => {
    filters.filter((one) => !one.contains(event.target)).forEach((one) => { one.open = false; });
  };
  document.addEventListener("click", closed);
  document.addEventListener("keydown", (event) => {
    const open = filters.find((one) => one.open);
    if (event.key === "Escape" && open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  for (const radio of tools.querySelectorAll("input[name=statistic]")) {
    radio.addEventListener("change", () => {
      table.dataset.statistic = radio.value;
      sort();
    });
  }
  document.getElementById("reset").addEventListener("click", () => {
    find.value = "";
    filters.forEach((one) => one.querySelectorAll("input").forEach((box) => { box.checked = true; }));
    tools.querySelector("input[value=selected]").checked = true;
    table.dataset.statistic = "selected";
    sorted = { column: 0, direction: "ascending" };
    filter();
    sort();
  });

  tools.hidden = false;
  filter();
  sort();
})();
