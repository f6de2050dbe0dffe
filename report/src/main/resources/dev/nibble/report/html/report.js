(function () {
  "use strict";
  var root = document.documentElement;
  var charts = [];

  function dark() {
    return root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  document.getElementById("theme").addEventListener("click", function () {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("nibble-theme", root.dataset.theme);
    } catch (e) {
      // The choice then lasts as long as the page.
    }
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  // Tables sort by their heads: numbers by data-v, absent ones last.
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var heads = Array.from(table.tHead.rows[0].cells);
    heads.forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) button.appendChild(head.firstChild);
      head.appendChild(button);
      button.addEventListener("click", function () {
        var ascending = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach(function (h) { h.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        sort(table.tBodies[0], column, ascending);
      });
    });
  });

  function sort(body, column, ascending) {
    var rows = Array.from(body.rows).map(function (row) {
      var cell = row.cells[column];
      var numeric = cell.hasAttribute("data-v");
      var raw = numeric ? cell.getAttribute("data-v") : cell.textContent;
      return { row: row, absent: raw === "", value: numeric ? parseFloat(raw) : raw };
    });
    rows.sort(function (a, b) {
      if (a.absent || b.absent) return a.absent - b.absent;
      var order = typeof a.value === "number"
        ? a.value - b.value
        : a.value.localeCompare(b.value, "en", { numeric: true });
      return ascending ? order : -order;
    });
    rows.forEach(function (r) { body.appendChild(r.row); });
  }

  var filter = document.getElementById("tensor-filter");
  if (filter) {
    var table = document.getElementById("tensor-table");
    var count = document.getElementById("tensor-count");
    filter.addEventListener("input", function () {
      var words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      var shown = 0;
      Array.from(table.tBodies[0].rows).forEach(function (row) {
        var text = row.textContent.toLowerCase();
        var match = words.every(function (w) { return text.includes(w); });
        row.hidden = !match;
        if (match) shown++;
      });
      count.textContent = words.length ? shown + " shown" : "";
    });
  }

  if (typeof echarts === "undefined") {
    document.querySelectorAll(".chart").forEach(function (c) { (c.closest("#histogram-chart") || c).remove(); });
    return;
  }
  var data = JSON.parse(document.getElementById("chart-data").textContent);
  var still = matchMedia("(prefers-reduced-motion: reduce)").matches;

  function color(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  function html(text) {
    return String(text).replace(/[&<>"']/g, function (c) { return "&#" + c.charCodeAt(0) + ";"; });
  }

  function short(value) {
    return Number(value).toPrecision(4).replace(/\.?0+$/, "").replace("-", "−");
  }

  function base() {
    var text = color("--quiet");
    return {
      aria: { enabled: true },
      animation: !still,
      animationDuration: 250,
      backgroundColor: "transparent",
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: text },
      grid: { left: 8, right: 16, top: 36, bottom: 44, containLabel: true },
      legend: { top: 0, right: 16, icon: "roundRect", itemWidth: 12, itemHeight: 8, textStyle: { color: text } },
      tooltip: {
        trigger: "axis", confine: true, backgroundColor: color("--raised"), borderColor: color("--line"),
        textStyle: { color: color("--ink"), fontSize: 12 }
      },
      dataZoom: [{ type: "inside" }, {
        type: "slider", height: 14, bottom: 6, brushSelect: false, showDetail: false, borderColor: color("--line"),
        fillerColor: color("--shade"), handleStyle: { color: color("--line") }, dataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } },
        selectedDataBackground: { lineStyle: { opacity: 0 }, areaStyle: { opacity: 0 } }, moveHandleSize: 0
      }]
    };
  }

  function axis(extra) {
    return Object.assign({
      axisLine: { lineStyle: { color: color("--line") } },
      axisTick: { show: false },
      axisLabel: { color: color("--quiet") },
      splitLine: { lineStyle: { color: color("--line"), opacity: 0.6 } },
      nameTextStyle: { color: color("--quiet") }
    }, extra);
  }

  function chart(element) {
    var c = echarts.getInstanceByDom(element) || echarts.init(element, null, { renderer: "svg" });
    if (charts.indexOf(c) < 0) charts.push(c);
    return c;
  }

  function drawLayers() {
    var element = document.getElementById("layer-chart");
    if (!element) return;
    var has = function (list) { return list.some(function (v) { return v !== null; }); };
    var series = [];
    if (has(data.graphWise)) {
      series.push({ name: "graph-wise", type: "line", data: data.graphWise, symbol: "none", lineStyle: { width: 1.75 }, color: color("--blue") });
    }
    if (has(data.layerWise)) {
      series.push({ name: "layer-wise", type: "scatter", data: data.layerWise, symbolSize: 5, color: color("--gold") });
    }
    chart(element).setOption(Object.assign(base(), {
      xAxis: axis({ type: "category", data: data.names.map(function (n, i) { return i + 1; }), splitLine: { show: false } }),
      yAxis: axis({ type: "value", name: "dB", scale: true }),
      series: series,
      tooltip: Object.assign(base().tooltip, {
        formatter: function (items) {
          var i = items[0].dataIndex;
          return "<b>" + (i + 1) + "</b> " + html(data.names[i]) + " · " + html(data.ops[i]) + items.map(function (s) {
            return "<br>" + s.marker + s.seriesName + " " + (s.value === null || s.value === undefined ? "–" : Number(s.value).toFixed(1) + " dB");
          }).join("");
        }
      })
    }), true);
  }

  var select = document.getElementById("histogram-select");
  if (select) {
    data.histograms.forEach(function (h, i) { select.add(new Option((i + 1) + ". " + h.tensor, i)); });
    select.addEventListener("change", drawHistogram);
  }

  function drawHistogram() {
    if (!select || !data.histograms.length) return;
    var h = data.histograms[Number(select.value) || 0];
    var step = (h.high - h.low) / h.counts.length;
    var lines = [];
    var colors = [color("--blue"), color("--gold"), color("--grey"), color("--ink"), color("--quiet")];
    h.ranges.forEach(function (r, i) {
      [r.min, r.max].forEach(function (x, end) {
        lines.push({
          xAxis: x,
          lineStyle: { color: colors[i % colors.length], type: "dashed", width: 1 },
          label: { show: end === 1, formatter: r.calibrator, color: color("--quiet"), fontSize: 10, rotate: 90, position: "insideEndTop" }
        });
      });
    });
    chart(document.querySelector("#histogram-chart .chart")).setOption(Object.assign(base(), {
      legend: { show: false },
      xAxis: axis({ type: "value", min: h.low, max: h.high, splitLine: { show: false }, axisLabel: { color: color("--quiet"), formatter: short } }),
      yAxis: axis({ type: "log", name: "count", min: 1, logBase: 10 }),
      tooltip: Object.assign(base().tooltip, {
        formatter: function (items) {
          var x = items[0].value[0];
          return short(x - step / 2) + " … " + short(x + step / 2) + "<br><b>" + Math.round(items[0].value[1]).toLocaleString("en") + "</b> values";
        }
      }),
      series: [{
        type: "bar", barWidth: "99%", large: false, color: color("--bar"),
        data: h.counts.map(function (c, i) { return [h.low + (i + 0.5) * step, c >= 1 ? c : null]; }),
        markArea: { silent: true, itemStyle: { color: color("--shade") }, data: [[{ xAxis: h.chosen.min }, { xAxis: h.chosen.max }]] },
        markLine: { silent: true, symbol: "none", data: lines }
      }]
    }), true);
  }

  function draw() {
    if (typeof echarts === "undefined") return;
    drawLayers();
    drawHistogram();
  }

  draw();
  addEventListener("resize", function () { charts.forEach(function (c) { c.resize(); }); });
})();
