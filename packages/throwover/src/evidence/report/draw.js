// Runs in the report's page: draws the charts of the data that stands beside them.
(() => {
  const { charts } = JSON.parse(document.getElementById('report-data').textContent);
  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const format = {
    share: (value) => `${Math.round(value * 100)} %`,
    count: (value) => String(Math.round(value)),
    ms: (value) => (value >= 1000 ? `${+(value / 1000).toFixed(1)} s` : `${Math.round(value)} ms`),
    seconds: (value) => `${+value.toFixed(1)} s`.replace('-', '\u2212'),
  };
  const drawn = new Map();
  /** Names of moments stand above the plot, one below the other where they would touch. */
  const markRows = 3;
  const markRowPx = 15;

  function options(chart, width) {
    const soft = color('soft');
    const axis = {
      stroke: soft,
      grid: { stroke: color('grid'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
    };
    return {
      width,
      height: width < 500 ? 240 : 280,
      padding: [chart.marks.length === 0 ? 8 : markRows * markRowPx + 4, 12, 0, 0],
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: false },
        y: {
          distr: chart.log ? 3 : 1,
          range: (_, low, high) =>
            chart.log
              ? [
                  Math.max(1, 10 ** Math.floor(Math.log10(Math.max(1, low)))),
                  10 ** Math.ceil(Math.log10(Math.max(10, high))),
                ]
              : [0, chart.unit === 'share' ? 1 : Math.max(1, high * 1.08)],
        },
      },
      axes: [
        { ...axis, size: 30, values: (_, ticks) => ticks.map(format.seconds), space: 60 },
        {
          ...axis,
          size: 58,
          values: (_, ticks) =>
            ticks.map((tick) => (tick === null ? '' : format[chart.unit](tick))),
        },
      ],
      series: [
        { label: chart.x, value: (_, value) => (value === null ? '' : format.seconds(value)) },
        ...chart.series.map(({ label, color: name, dash, fill }) => ({
          label,
          stroke: color(name),
          width: 2,
          spanGaps: false,
          ...(chart.stepped ? { paths: uPlot.paths.stepped({ align: 1 }) } : {}),
          points: { show: false },
          ...(dash ? { dash: [5, 5], width: 1.5 } : {}),
          ...(fill ? { fill: `${color(name)}33` } : {}),
          value: (_, value) =>
            value === null || value === undefined ? '' : format[chart.unit](value),
        })),
      ],
      hooks: { draw: [(plot) => marks(plot, chart.marks, soft)] },
    };
  }

  /** Upright lines at moments, with their names beside them. */
  function marks(plot, list, stroke) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = 'left';
    ctx.textBaseline = 'alphabetic';
    let lastRight = -Infinity;
    let row = 0;
    for (const { at, label, color: name } of [...list].sort((a, b) => a.at - b.at)) {
      const x = plot.valToPos(at, 'x', true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = name ? color(name) : stroke;
      ctx.lineWidth = ratio;
      ctx.setLineDash([2 * ratio, 3 * ratio]);
      const wide = ctx.measureText(label).width;
      const tight = x + wide + 8 * ratio > bbox.left + bbox.width;
      const left = tight ? x - wide - 4 * ratio : x + 4 * ratio;
      row = left < lastRight + 6 * ratio ? Math.min(row + 1, markRows - 1) : 0;
      lastRight = left + wide;
      const top = bbox.top - (markRows - row) * markRowPx * ratio;
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillText(label, left, top + 11 * ratio);
    }
    ctx.restore();
  }

  function draw() {
    for (const chart of charts) {
      const place = document.getElementById(chart.id);
      drawn.get(chart.id)?.destroy();
      drawn.set(chart.id, new uPlot(options(chart, place.clientWidth), chart.data, place));
    }
  }

  let width = 0;
  new ResizeObserver(() => {
    const now = document.querySelector('main').clientWidth;
    if (now === width) return;
    width = now;
    draw();
  }).observe(document.querySelector('main'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  addEventListener('beforeprint', () => {
    document.documentElement.dataset.theme = 'light';
    draw();
  });
  addEventListener('afterprint', () => {
    delete document.documentElement.dataset.theme;
    draw();
  });
})();
