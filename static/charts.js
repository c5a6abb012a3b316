/* The charts of a page: in place of the server's drawings they can be read with a cursor, zoomed, and followed live.
   Everything but the reading of single values is there without this file. Needs uPlot. */
'use strict';
(() => {
  const box = document.getElementById('charts');
  if (!box || !window.uPlot) return;
  const stream = document.getElementById('stream');
  const RANGES = { '1h': 3600, '24h': 86400, '7d': 604800, '30d': 2592000 };
  const range = RANGES[box.dataset.range] ? box.dataset.range : '1h';
  /* The shortest span that is worth looking at, seconds. */
  const SHORTEST = 30;
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text) node.textContent = text;
    return node;
  };
  const icon = (name, id) => {
    const template = document.createElement('template');
    template.innerHTML = `<svg class="${name}" aria-hidden="true"><use href="/static/icons.svg#${id}"/></svg>`;
    return template.content.firstChild;
  };

  /* Words: times in the browser's zone, sizes like platform::text::bytes. --------------------------- */
  const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
  const two = (n) => String(n).padStart(2, '0');
  const day = (date) => `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  const clock = (date, seconds) => `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ''}`;
  const when = (at, seconds = view.step < 60) => {
    const date = new Date(at * 1000);
    const time = clock(date, seconds);
    return date.toDateString() === new Date().toDateString() ? time : `${day(date)} ${time}`;
  };
  const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
  const power = (value) => {
    let n = 0;
    while (value >= 1000 ** (n + 1) && n < SIZES.length - 1) n += 1;
    return n;
  };
  const size = (value) => {
    const n = power(value);
    const scaled = value / 1000 ** n;
    const digits = n === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
    return `${(Math.floor(scaled * 10 ** digits + 1e-6) / 10 ** digits).toFixed(digits)}\u00a0${SIZES[n]}`;
  };
  const figure = (value, digits = 0) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const bySize = (per) => (top) => ({ by: 1000 ** power(top), word: `\u00a0${SIZES[power(top)]}${per}` });
  /* Of each unit: a value in words, what the axis counts in, and the least that the axis reaches to. */
  const UNITS = {
    percent: { text: (v) => `${figure(v, v > 0 && v < 0.1 ? 2 : v < 99.95 ? 1 : 0)}\u00a0%`, axis: () => ({ by: 1, word: '\u00a0%' }), least: 1 },
    bytes: { text: size, axis: bySize(''), least: 1000 },
    rate: { text: (v) => `${size(v)}/s`, axis: bySize('/s'), least: 1000 },
    count: { text: (v) => figure(v, Number.isInteger(v) ? 0 : 1), axis: () => ({ by: 1, word: '' }), least: 4, whole: true },
    number: { text: (v) => figure(v, 2), axis: () => ({ by: 1, word: '' }), least: 1 },
  };
  /* At most four steps, of a round size. */
  const steps = (most, whole) => {
    const base = 10 ** Math.floor(Math.log10(most / 4));
    const step = [1, 2, 2.5, 5, 10].map((n) => n * base).find((n) => n * 4 >= most * (1 - 1e-9) && (!whole || Number.isInteger(n))) ?? 1;
    return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, n) => n * step);
  };

  /* What is shown. Times are seconds since 1970. ------------------------------------------------------ */
  const seconds = (text) => Date.parse(text) / 1000;
  const iso = (at) => new Date(at * 1000).toISOString();
  const view = { zoom: null, since: 0, until: 0, step: 10, points: [], events: [] };
  /* What the server's clock is ahead of ours. */
  let ahead = 0;
  const now = () => Date.now() / 1000 + ahead;
  const live = () => !view.zoom && range === box.dataset.live;
  const recent = () => ({ since: now() - RANGES[range], until: now() });
  const isHole = (from, to) => to - from > 1.5 * view.step;
  const inView = (at) => at >= view.since && at <= view.until;

  /* Colours: the stylesheet's, read anew when the theme changes. ----------------------------------------- */
  const probe = box.appendChild(make('span', 'chart-probe'));
  const colours = new Map();
  const colour = (name) => {
    if (!colours.has(name)) {
      probe.style.color = `var(--${name})`;
      colours.set(name, getComputedStyle(probe).color);
    }
    return colours.get(name);
  };

  /* Events: what became of the container, in the shapes and colours of the event log. ---------------------- */
  const TONES = ['idle', 'ok', 'warn', 'bad'];
  const ICONS = { idle: 's-off', ok: 's-run', warn: 's-warn', bad: 's-bad' };
  const tone = ({ kind, severity }) => {
    if (severity === 'error' || kind.endsWith('.oom')) return 'bad';
    if (severity === 'warning') return 'warn';
    return kind.endsWith('.start') ? 'ok' : 'idle';
  };
  const symbol = (ctx, name, x, y, r) => {
    ctx.beginPath();
    if (name === 'bad') { ctx.moveTo(x, y - r * 1.3); ctx.lineTo(x + r * 1.3, y); ctx.lineTo(x, y + r * 1.3); ctx.lineTo(x - r * 1.3, y); }
    else if (name === 'warn') { ctx.moveTo(x, y - r * 1.2); ctx.lineTo(x + r * 1.25, y + r); ctx.lineTo(x - r * 1.25, y + r); }
    else ctx.arc(x, y, name === 'idle' ? r * 0.85 : r, 0, 2 * Math.PI);
    ctx.closePath();
    /* A rim in the colour of the card keeps it apart from the lines it stands on. */
    ctx.strokeStyle = colour('surface');
    ctx.lineWidth = r;
    ctx.stroke();
    ctx.fillStyle = colour(name === 'idle' ? 'surface' : name);
    ctx.fill();
    if (name !== 'idle') return;
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = r * 0.4;
    ctx.stroke();
  };

  /* The axes are written like the server's; uPlot wants whole pixels, and there is room for so much. */
  const fontFamily = getComputedStyle(box).fontFamily;
  probe.style.fontSize = 'var(--fs-11)';
  const fontSize = Math.min(14, Math.round(parseFloat(getComputedStyle(probe).fontSize)));
  /* The room of the axis, and what its last label may stand out, px. */
  const [LEFT, RIGHT] = [60, 16];

  /* One chart. ------------------------------------------------------------------------------------------------ */
  const charts = [...box.querySelectorAll('[data-chart]')].map((node) => {
    const card = node.closest('.card');
    const limit = Number(node.dataset.limit);
    return {
      node,
      title: card?.querySelector('h2')?.textContent.trim() ?? '',
      read: card?.querySelector('[data-read]'),
      unit: UNITS[node.dataset.unit] ?? UNITS.number,
      series: JSON.parse(node.dataset.series),
      limit: limit > 0 ? { at: limit, word: node.dataset.limitLabel || 'limit' } : null,
      plot: null, words: null, data: [[]], ticks: [0], limited: false, index: null,
    };
  });

  /* Points that have a value for this chart, as columns: times, the largest values, the averages. */
  const columns = (chart) => {
    const rows = view.points.filter((point) => chart.series.some(({ key }) => point[key] != null));
    const most = ({ key, max }) => {
      /* Where nothing was averaged, the largest value is the value. */
      const apart = max && rows.some((row) => row[max] > row[key]);
      return rows.map((row) => (apart ? row[max] ?? null : null));
    };
    return [rows.map((row) => row.at), ...chart.series.map(most), ...chart.series.map(({ key }) => rows.map((row) => row[key] ?? null))];
  };
  /* Where nothing was measured. A point may stand for the span after it, so the ends are judged mildly. */
  const holes = (chart) => {
    const times = chart.data[0].filter(inView);
    if (times.length === 0) return [[view.since, view.until]];
    const all = [];
    if (times[0] - view.since > 2.5 * view.step) all.push([chart.data[0].findLast((at) => at < view.since) ?? view.since, times[0]]);
    for (let n = 1; n < times.length; n += 1) if (isHole(times[n - 1], times[n])) all.push([times[n - 1], times[n]]);
    const end = times.at(-1);
    if (view.until - end > 2.5 * view.step) all.push([end, view.until]);
    return all.filter(([from, to]) => isHole(from, to));
  };
  const gapsOf = (plot, _series, first, last, found) => {
    const [times] = plot.data;
    const gaps = [...found];
    for (let n = first + 1; n <= last; n += 1) {
      if (isHole(times[n - 1], times[n])) gaps.push([times[n - 1], times[n]].map((at) => Math.round(plot.valToPos(at, 'x', true))));
    }
    gaps.sort((a, b) => a[0] - b[0]);
    /* uPlot wants them apart from each other. */
    return gaps.reduce((apart, gap) => {
      const before = apart.at(-1);
      if (before && gap[0] < before[1]) before[1] = Math.max(before[1], gap[1]);
      else apart.push(gap);
      return apart;
    }, []);
  };
  /* A point between two holes has no line: it gets a dot. */
  const lonely = (plot, series) => {
    const [times] = plot.data;
    const values = plot.data[series];
    const joins = (a, b) => values[a] != null && values[b] != null && !isHole(times[a], times[b]);
    return values.flatMap((value, n) => (value != null && !joins(n - 1, n) && !joins(n, n + 1) ? [n] : []));
  };

  const reach = (chart) => (_plot, _least, most) => {
    const { limit, unit } = chart;
    /* A limit far above would flatten what is measured. */
    chart.limited = Boolean(limit) && most > limit.at / 4;
    chart.ticks = steps(Math.max(most ?? 0, chart.limited ? limit.at : 0, unit.least), unit.whole);
    return [0, chart.ticks.at(-1)];
  };
  const amounts = (chart) => (_plot, ticks) => {
    const top = ticks.at(-1);
    const { by, word } = chart.unit.axis(top);
    return ticks.map((tick) => `${Number((tick / by).toPrecision(6)).toLocaleString('en')}${tick === top ? word : ''}`);
  };
  const times = (plot, ticks, _axis, _space, step) => ticks.map((tick) => {
    const date = new Date(tick * 1000);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    const text = step >= 86400 || midnight ? day(date) : clock(date, step < 60);
    /* Half of it may stand out to the right, but not more than there is room. */
    const room = (plot.width - LEFT - RIGHT) * (view.until - tick) / (view.until - view.since) + RIGHT;
    return room < text.length * 3.2 ? '' : text;
  });

  const bands = (chart, { ctx, bbox, valToPos }) => {
    ctx.save();
    ctx.fillStyle = colour('band');
    for (const [from, to] of holes(chart)) {
      const left = Math.max(bbox.left, Math.round(valToPos(from, 'x', true)));
      const right = Math.min(bbox.left + bbox.width, Math.round(valToPos(to, 'x', true)));
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  };
  const markLines = ({ ctx, bbox, valToPos }) => {
    const events = view.events.filter(({ at }) => inView(at));
    ctx.save();
    /* Many of them step back, or they would hide what is measured. */
    ctx.globalAlpha = events.length > 12 ? 0.2 : 0.5;
    for (const event of events) {
      ctx.fillStyle = colour(tone(event));
      ctx.fillRect(Math.round(valToPos(event.at, 'x', true)), bbox.top, Math.max(1, Math.round(devicePixelRatio)), bbox.height);
    }
    ctx.restore();
  };
  /* Symbols that would cover each other are one, the gravest. */
  const markSymbols = ({ ctx, bbox, valToPos }) => {
    const dot = devicePixelRatio;
    const groups = [];
    for (const event of view.events.filter(({ at }) => inView(at))) {
      const x = valToPos(event.at, 'x', true);
      const rank = TONES.indexOf(tone(event));
      const last = groups.at(-1);
      if (last && x - last.x < 9 * dot) last.rank = Math.max(last.rank, rank);
      else groups.push({ x, rank });
    }
    ctx.save();
    for (const { x, rank } of groups) symbol(ctx, TONES[rank], x, bbox.top + bbox.height, 3.25 * dot);
    ctx.restore();
  };
  const limitLine = (chart, { ctx, bbox, valToPos }) => {
    if (!chart.limited) return;
    const dot = devicePixelRatio;
    const y = Math.round(valToPos(chart.limit.at, 'y', true)) + dot / 2;
    ctx.save();
    ctx.strokeStyle = colour('text-3');
    ctx.lineWidth = dot;
    ctx.setLineDash([4 * dot, 4 * dot]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    /* Its word stands above the line; where there is no room, below. */
    const above = y - bbox.top > 18 * dot;
    ctx.font = `${fontSize * dot}px ${fontFamily}`;
    ctx.textAlign = 'right';
    ctx.textBaseline = above ? 'bottom' : 'top';
    const at = [bbox.left + bbox.width - 2 * dot, y + (above ? -2 : 4) * dot];
    ctx.setLineDash([]);
    ctx.lineJoin = 'round';
    ctx.lineWidth = 4 * dot;
    ctx.strokeStyle = colour('surface');
    ctx.strokeText(chart.limit.word, ...at);
    ctx.fillStyle = colour('text-3');
    ctx.fillText(chart.limit.word, ...at);
    ctx.restore();
  };

  const build = (chart) => {
    const { node, series } = chart;
    const place = make('div', 'chart-live');
    node.append(place);
    const axis = { font: `${fontSize}px ${fontFamily}`, stroke: () => colour('text-3'), ticks: { show: false } };
    const line = (n) => ({ stroke: () => colour(`series-${n}`), width: 1.5, gaps: gapsOf, dash: n === 2 ? [6, 3] : undefined, points: { show: () => false, filter: lonely, size: 4, width: 0 } });
    const near = (plot, _series, index) => (chart.nearest(plot.posToVal(plot.cursor.left, 'x')) === index ? index : null);
    chart.place = place;
    chart.plot = new uPlot({
      width: place.clientWidth, height: place.clientHeight, padding: [8, RIGHT, 0, 0], legend: { show: false },
      scales: { x: { time: true, range: () => [view.since, view.until] }, y: { range: reach(chart) } },
      axes: [
        { ...axis, size: 20, gap: 6, space: 60, grid: { show: false }, border: { show: true, width: 1, stroke: () => colour('line-2') }, values: times },
        { ...axis, size: LEFT, gap: 8, grid: { width: 1, stroke: () => colour('grid') }, splits: () => chart.ticks, values: amounts(chart) },
      ],
      series: [
        {},
        ...series.map((_, n) => ({ stroke: () => colour(`max-${n + 1}`), width: 1, gaps: gapsOf, points: { show: () => false, filter: () => null } })),
        ...series.map((_, n) => ({ ...line(n + 1), fill: series.length === 1 ? () => colour('area-1') : undefined })),
      ],
      cursor: {
        y: false, sync: { key: 'charts', scales: ['x', null] }, drag: { x: true, y: false, setScale: false, dist: 6 }, dataIdx: near,
        points: { show: (_plot, n) => n > series.length && make('div', 'chart-dot'), size: 7, fill: (_plot, n) => colour(`series-${n - series.length}`), stroke: () => '' },
        bind: { dblclick: () => () => { reset(); } },
      },
      hooks: {
        drawClear: [(plot) => bands(chart, plot)],
        drawAxes: [markLines],
        draw: [(plot) => { limitLine(chart, plot); markSymbols(plot); }],
        setCursor: [() => moved(chart)],
        setSelect: [selected],
      },
    }, chart.data, place);
    node.classList.add('is-live');
    /* The size is the stylesheet's. */
    new ResizeObserver(() => {
      const [width, height] = [place.clientWidth, place.clientHeight];
      if (width > 0 && (width !== chart.plot.width || height !== chart.plot.height)) chart.plot.setSize({ width, height });
    }).observe(place);
    inputs(chart);
  };

  /* The index of the point at a time, null in a hole. */
  for (const chart of charts) {
    chart.nearest = (at) => {
      const [all] = chart.data;
      let [low, high] = [0, all.length - 1];
      if (high < 0 || chart.empty) return null;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (all[middle] < at) low = middle; else high = middle;
      }
      const best = Math.abs(all[low] - at) <= Math.abs(all[high] - at) ? low : high;
      const reached = Math.max(0.75 * view.step, (view.until - view.since) / 200);
      return inView(all[best]) && Math.abs(all[best] - at) <= reached ? best : null;
    };
  }

  const draw = () => {
    for (const chart of charts) {
      chart.data = columns(chart);
      chart.empty = chart.data[0].length === 0;
      /* Where nothing was measured the server's words stay. */
      if (chart.empty && !chart.plot) continue;
      /* uPlot draws no axes without any point. */
      if (chart.empty) chart.data = [[view.since, view.until], ...chart.data.slice(1).map(() => [null, null])];
      if (!chart.plot) build(chart); else chart.plot.setData(chart.data);
      if (!(chart.plot.cursor.left >= 0)) rest(chart);
    }
    list();
    if (keyed) putCursor(keyed.chart, keyed.at);
  };

  /* Live samples: drawn together, a few times a second at most, and not while a span is being selected. -------- */
  const OFTEN = 300;
  let due = null;
  const soon = () => {
    due ??= setTimeout(() => {
      due = null;
      if (document.hidden || selecting || !loaded) return;
      if (live()) {
        Object.assign(view, recent());
        view.until = Math.max(view.until, view.points.at(-1)?.at ?? 0);
        view.since = view.until - RANGES[range];
        /* One point before the window leads the line to its edge. */
        while (view.points.length > 1 && view.points[1].at < view.since) view.points.shift();
        view.events = view.events.filter(({ at }) => at >= view.since);
      }
      draw();
    }, OFTEN);
  };
  /* Samples that came while an answer was on its way. */
  let early = [];
  const point = (raw) => ({ ...raw, at: seconds(raw.at) });
  stream?.addEventListener('sample', (event) => {
    const sample = point(JSON.parse(event.detail.data));
    if (asking) early.push(sample);
    const newest = view.points.at(-1)?.at ?? 0;
    /* The clock was set back: what is drawn lies in the future. */
    if (loaded && live() && sample.at < newest - 60) { view.points = []; }
    else if (!loaded || !live() || sample.at <= newest) return;
    view.points.push(sample);
    soon();
  });
  /* Time goes on without samples, too; where none come the window is asked for as often as it has new points. */
  let asked = 0;
  setInterval(() => {
    if (document.hidden || view.zoom) return;
    if (live()) soon();
    else if (now() - asked > Math.max(60, view.step)) load();
  }, 5000);
  document.addEventListener('visibilitychange', soon);

  /* The readout: at the cursor, else the newest. ------------------------------------------------------------------ */
  const key = (n) => {
    const template = document.createElement('template');
    template.innerHTML = `<svg class="key key-${n}" viewBox="0 0 16 12" aria-hidden="true"><path d="M1 6H15"/></svg>`;
    return template.content.firstChild;
  };
  const words = (chart) => {
    if (chart.words) return chart.words;
    const at = make('span', 'chart-at');
    const values = make('span', 'chart-vals');
    const fields = chart.series.map(({ label }, n) => {
      const field = make('span', 'chart-val');
      const value = make('b');
      const max = make('span', 'chart-max');
      field.append(key(n + 1), ...(chart.series.length > 1 ? [label] : []), value, max);
      values.append(field);
      return { value, max };
    });
    const limit = values.appendChild(make('span', 'chart-max'));
    chart.read?.replaceChildren(at, values);
    chart.words = { at, fields, limit };
    return chart.words;
  };
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const textOf = (chart, index, n) => {
    const value = index === null ? null : chart.data[1 + chart.series.length + n][index];
    const max = index === null ? null : chart.data[1 + n][index];
    const [text, most] = [value, max].map((one) => (one == null ? '' : chart.unit.text(one)));
    /* A largest value that reads like the average says nothing. */
    return { value: text || '–', max: most && most !== text ? `max ${most}` : '' };
  };
  const readOut = (chart, at, index) => {
    const { at: time, fields, limit } = words(chart);
    put(time, at === null ? '' : when(at));
    fields.forEach((field, n) => {
      const { value, max } = textOf(chart, index, n);
      put(field.value, value);
      put(field.max, max);
    });
    put(limit, chart.limit && !chart.limited ? chart.limit.word : '');
  };
  /* A value that is not of now says when it was. */
  const rest = (chart) => {
    const index = chart.empty ? -1 : chart.data[0].findLastIndex(inView);
    const at = chart.data[0][index];
    readOut(chart, index < 0 || !view.zoom && view.until - at <= 2.5 * view.step ? null : at, index < 0 ? null : index);
  };
  const moved = (chart) => {
    const { plot } = chart;
    /* uPlot reports a cursor before it is built. */
    if (!plot) return;
    if (!(plot.cursor.left >= 0)) {
      chart.index = null;
      rest(chart);
      return tell(chart, []);
    }
    const at = plot.posToVal(plot.cursor.left, 'x');
    chart.index = chart.nearest(at);
    readOut(chart, chart.index === null ? at : chart.data[0][chart.index], chart.index);
    tell(chart, eventsAt(chart, at));
  };
  /* What happened within a few pixels of a time. */
  const eventsAt = ({ plot }, at) => {
    const reached = 6 * (view.until - view.since) / plot.over.clientWidth;
    return view.events.filter((event) => inView(event.at) && Math.abs(event.at - at) <= reached);
  };
  let pointed = null;
  const tell = (chart, events) => {
    const { node, plot } = chart;
    chart.tip ??= chart.place.appendChild(Object.assign(make('ul', 'chart-tip'), { hidden: true, ariaHidden: 'true' }));
    const { tip } = chart;
    const [shown, more] = [events.slice(0, 3), events.length - 3];
    tip.hidden = events.length === 0 || pointed !== node;
    if (tip.hidden) return;
    tip.replaceChildren(...shown.map((event) => {
      const line = make('li');
      const text = make('span', 'any');
      text.append(make('time', '', when(event.at, true)), ` ${event.message}`);
      line.append(icon(`i-12 c-${tone(event)}`, ICONS[tone(event)]), text);
      return line;
    }));
    if (more > 0) tip.append(make('li', 'subtle', `and ${more} more`));
    /* Beside the cursor, on the side with more room. */
    const { left } = plot.cursor;
    const room = plot.over.clientWidth;
    tip.style.maxWidth = `${Math.max(180, Math.max(left, room - left) - 8)}px`;
    tip.style.left = left < room / 2 ? `${LEFT + left + 10}px` : 'auto';
    tip.style.right = left < room / 2 ? 'auto' : `${RIGHT + room - left + 10}px`;
  };

  /* The markers as a list below the charts: what the pointer can reach, the keyboard can, too. ------------------- */
  const FEW = 5;
  const marks = box.appendChild(make('section', 'card chart-marks'));
  marks.hidden = true;
  marks.setAttribute('aria-label', 'Events in this time');
  let listed = '';
  const list = () => {
    const events = view.events.filter(({ at }) => inView(at)).reverse();
    const ids = events.map(({ id }) => id).join();
    if (ids === listed) return;
    listed = ids;
    marks.hidden = events.length === 0;
    const row = (event) => {
      const item = make('li');
      const link = make('a', 'any', event.message);
      link.href = `${box.dataset.events}/${event.id}`;
      link.dir = 'auto';
      const time = make('time', 'feed-t', when(event.at, true));
      time.dateTime = iso(event.at);
      item.dataset.at = event.at;
      item.append(icon(`i-12 c-${tone(event)}`, ICONS[tone(event)]), link, time);
      return item;
    };
    const lines = (some) => {
      const all = make('ul', 'feed');
      all.append(...some.map(row));
      return all;
    };
    const head = make('div', 'card-h');
    const title = make('h2', '', 'Events in this time ');
    title.append(make('span', 'subtle', String(events.length)));
    head.append(title);
    const open = marks.querySelector('details')?.open;
    marks.replaceChildren(head, lines(events.slice(0, FEW)));
    if (events.length <= FEW) return;
    const others = make('details');
    others.open = Boolean(open);
    others.append(make('summary', '', `${events.length - FEW} earlier`), lines(events.slice(FEW)));
    marks.append(others);
  };
  const lead = (event) => {
    const item = event.target.closest('li[data-at]');
    const chart = charts.find(({ plot }) => plot);
    pointed = null;
    if (item && chart) putCursor(chart, Number(item.dataset.at));
  };
  marks.addEventListener('mouseover', lead);
  marks.addEventListener('focusin', lead);
  for (const name of ['mouseleave', 'focusout']) marks.addEventListener(name, () => takeCursor());

  /* The window. ---------------------------------------------------------------------------------------------------- */
  let loaded = false;
  /* What was there before a zoom. */
  let base = null;
  let turn = 0;
  let asking = null;
  let again = null;
  let failed = 0;
  let note = null;
  const unnote = () => { note?.remove(); note = null; };
  const warn = (refused) => {
    const form = document.getElementById('toast');
    if (note?.isConnected || !form) return;
    note = form.content.firstElementChild.cloneNode(true);
    note.querySelector('strong').textContent = view.zoom ? 'Finer values could not be fetched' : 'The charts could not be brought up to date';
    note.querySelector('p').textContent = refused ? 'Docker Watcher has nothing to show here now. Reload the page to see why.' : 'Docker Watcher did not answer. It is asked again by itself.';
    note.querySelector('button').addEventListener('click', unnote);
    document.getElementById('toasts').append(note);
  };
  const take = ({ data, meta }) => {
    loaded = true;
    view.step = meta.step_seconds;
    view.points = data.map(point);
    view.events = meta.events.map((event) => ({ ...event, at: seconds(event.at) })).sort((a, b) => a.at - b.at);
    if (!view.zoom) {
      ahead = seconds(meta.until) - Date.now() / 1000;
      view.since = seconds(meta.since);
      view.until = seconds(meta.until);
    }
    if (live()) view.points.push(...early.filter(({ at }) => at > (view.points.at(-1)?.at ?? 0)));
    early = [];
    if (!view.zoom) base = { step: view.step, points: view.points, events: view.events };
  };
  /* Only the answer to the last question counts. */
  const load = async () => {
    turn += 1;
    const mine = turn;
    asking?.abort();
    clearTimeout(again);
    const question = asking = new AbortController();
    const patience = setTimeout(() => question.abort(), 20000);
    let refused = false;
    asked = now();
    const url = new URL(box.dataset.url, location.href);
    if (view.zoom) {
      url.searchParams.set('since', iso(view.zoom.since));
      url.searchParams.set('until', iso(view.zoom.until));
    } else url.searchParams.set('range', range);
    try {
      const answer = await fetch(url, { headers: { Accept: 'application/json' }, signal: question.signal });
      if (mine !== turn) return;
      if (answer.status === 401) return location.reload();
      refused = answer.status >= 400 && answer.status < 500 && answer.status !== 429;
      if (!answer.ok) throw new Error(answer.status);
      const body = await answer.json();
      if (mine !== turn) return;
      take(body);
      failed = 0;
      unnote();
    } catch {
      if (mine !== turn) return;
      failed += 1;
      if (!refused) again = setTimeout(load, Math.min(2500 * 2 ** failed, 60000));
      warn(refused);
    } finally {
      clearTimeout(patience);
      if (mine === turn) {
        asking = null;
        box.ariaBusy = null;
      }
    }
    if (failed === 0) draw();
  };

  const remember = () => {
    const url = new URL(box.dataset.page, location.href);
    url.search = location.search;
    /* Where the zoom goes back to, also after a reload. */
    if (view.zoom) url.searchParams.set('range', range);
    for (const name of ['since', 'until']) {
      if (view.zoom) url.searchParams.set(name, iso(view.zoom[name])); else url.searchParams.delete(name);
    }
    history.replaceState(history.state, '', url);
  };
  const changed = () => {
    remember();
    for (const link of document.querySelectorAll('[data-zoom-reset]')) link.hidden = !view.zoom;
    box.dispatchEvent(new CustomEvent('charts:window', { bubbles: true, detail: { since: iso(view.since), until: iso(view.until) } }));
    /* What is there stays drawn until what is finer comes. */
    box.ariaBusy = 'true';
    draw();
    charts.filter(({ plot }) => plot).forEach(describe);
    load();
  };
  const zoom = (since, until) => {
    const middle = (since + until) / 2;
    const half = Math.max(until - since, SHORTEST) / 2;
    /* Whole milliseconds: an address holds no more. */
    const [from, to] = [middle - half, middle + half].map((at) => Math.round(at * 1000) / 1000);
    if (from === view.since && to === view.until) return;
    view.zoom = { since: from, until: to };
    Object.assign(view, view.zoom);
    changed();
  };
  const reset = () => {
    if (!view.zoom) return;
    view.zoom = null;
    Object.assign(view, base ?? {}, recent());
    const link = document.activeElement?.closest('[data-zoom-reset]');
    changed();
    /* The focus was on what is hidden now. */
    if (link) charts[0]?.node.focus({ preventScroll: true });
  };
  document.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || !event.target.closest('[data-zoom-reset]')) return;
    event.preventDefault();
    reset();
  });
  /* The source's hook comes first; then the selections of all are taken away. */
  const selected = (plot) => {
    const { left, width } = plot.select;
    const [since, until] = [left, left + width].map((x) => plot.posToVal(x, 'x'));
    for (const chart of charts) chart.plot?.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    selecting = false;
    zoom(since, until);
  };

  /* Pointer, finger and keyboard. ---------------------------------------------------------------------------------- */
  let selecting = false;
  addEventListener('mouseup', () => { if (selecting) { selecting = false; soon(); } });
  /* A cursor that the keyboard put stays at its time when the chart moves on. */
  let keyed = null;
  const putCursor = ({ plot }, at) => {
    plot.setCursor({ left: plot.valToPos(at, 'x'), top: plot.over.clientHeight / 2 }, true, true);
  };
  const takeCursor = () => {
    keyed = null;
    for (const { plot } of charts) plot?.setCursor({ left: -10, top: -10 });
  };
  const speaker = box.appendChild(make('p', 'sr'));
  speaker.setAttribute('aria-live', 'polite');
  let saying = null;
  const say = (chart, at) => {
    clearTimeout(saying);
    saying = setTimeout(() => {
      const values = chart.series.map(({ label }, n) => Object.values(textOf(chart, chart.nearest(at), n)).filter(Boolean).reduce((a, b) => `${a}, ${b}`, label).replace(', ', ' '));
      speaker.textContent = [when(at), ...values, ...eventsAt(chart, at).map(({ message }) => message)].join(', ');
    }, 400);
  };
  const moves = (chart, event) => {
    const all = chart.empty ? [] : chart.data[0].filter(inView);
    const last = all.length - 1;
    if (last < 0) return true;
    const from = keyed?.chart === chart ? all.indexOf(keyed.at) : all.indexOf(chart.data[0][chart.index]);
    const by = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: from < 0 ? last : from - by, ArrowRight: from < 0 ? last : from + by, Home: 0, End: last }[event.key];
    if (to === undefined) return false;
    keyed = { chart, at: all[Math.max(0, Math.min(last, to))] };
    putCursor(chart, keyed.at);
    say(chart, keyed.at);
    return true;
  };
  const zooms = (chart, event) => {
    const span = view.until - view.since;
    const around = keyed?.at ?? chart.data[0][chart.index] ?? view.until - span / 2;
    const part = (around - view.since) / span;
    if (event.key === '+' || event.key === '=') {
      const to = Math.max(SHORTEST, span / 2);
      if (to < span) zoom(around - part * to, around + (1 - part) * to);
    } else if (event.key === '-') {
      if (span * 2 >= RANGES[range]) return reset(), true;
      const until = Math.min(now(), around + (1 - part) * span * 2);
      zoom(until - span * 2, until);
    } else if (event.key === '0' || event.key === 'Escape' && (view.zoom || keyed)) {
      if (event.key === 'Escape' && !view.zoom) takeCursor();
      reset();
    } else return false;
    say(chart, Math.min(Math.max(around, view.since), view.until));
    return true;
  };
  const SPANS = { '1h': 'last hour', '24h': 'last 24 hours', '7d': 'last 7 days', '30d': 'last 30 days' };
  const describe = ({ node, title }) => {
    const span = view.zoom ? `${when(view.since, true)} to ${when(view.until, true)}` : SPANS[range];
    node.setAttribute('aria-label', `${title}, ${span}. Left and right move through the values, plus and minus zoom, zero shows the ${SPANS[range]}.`);
  };
  const inputs = (chart) => {
    const { node, plot } = chart;
    node.tabIndex = 0;
    node.setAttribute('role', 'group');
    node.setAttribute('aria-roledescription', 'chart');
    describe(chart);
    node.addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target !== node) return;
      pointed = node;
      if (zooms(chart, event) || moves(chart, event)) event.preventDefault();
    });
    node.addEventListener('blur', () => { if (keyed?.chart === chart) takeCursor(); });
    plot.over.addEventListener('mousedown', () => { selecting = true; });
    for (const name of ['mouseenter', 'mousemove']) {
      plot.over.addEventListener(name, () => {
        pointed = node;
        keyed = null;
      });
    }
    /* A finger that goes sideways moves the cursor; one that goes up or down scrolls the page. */
    plot.over.addEventListener('pointermove', (event) => {
      if (event.pointerType !== 'touch') return;
      pointed = node;
      const { left, width, height } = plot.over.getBoundingClientRect();
      plot.setCursor({ left: Math.max(0, Math.min(width, event.clientX - left)), top: height / 2 }, true, true);
    });
  };

  /* What changes from outside. ---------------------------------------------------------------------------------------- */
  const repaint = () => {
    colours.clear();
    for (const { plot } of charts) plot?.redraw(false);
  };
  for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)', '(prefers-contrast: more)']) {
    matchMedia(query).addEventListener('change', repaint);
  }
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  let missed = null;
  const reload = () => {
    missed ??= setTimeout(() => {
      missed = null;
      load();
    }, 1000);
  };
  stream?.addEventListener('list-changed', reload);
  stream?.addEventListener('events-new', () => { if (live()) reload(); });
  stream?.addEventListener('htmx:sse:after:connection', (event) => { if (event.detail.connection.attempt > 0) reload(); });

  /* Begin. -------------------------------------------------------------------------------------------------------------- */
  const [since, until] = [seconds(box.dataset.since), seconds(box.dataset.until)];
  if (since < until) view.zoom = { since, until };
  Object.assign(view, view.zoom ?? recent());
  load();
})();
