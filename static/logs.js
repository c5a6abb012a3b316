/* The log view: takes lines from the page's stream and keeps a bounded number of them. A log can be read without this
   file; nothing moves then. Needs find.js. */
'use strict';
(() => {
  const $ = (selector) => document.querySelector(selector);
  const stream = $('#stream');
  const box = $('#log');
  const list = $('#log-lines');
  if (!box) return;
  const follows = box.dataset.follow === 'true';
  /* What is kept in the page; what is older can be fetched again. */
  const MOST = 5000;
  const MOST_OLDER = 20000;

  /* Times: in the browser's own zone. ------------------------------------------------------------- */
  const two = (n) => String(n).padStart(2, '0');
  const today = new Date().toDateString();
  const local = (ns) => {
    const at = new Date(Number(BigInt(ns) / 1000000n));
    const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
    return at.toDateString() === today ? time : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
  };
  const localise = (lines) => {
    for (const line of lines) {
      const time = line.dataset.t && line.querySelector('time');
      if (!time) continue;
      time.title = `${time.textContent} UTC`;
      time.textContent = local(line.dataset.t);
    }
  };

  /* Lines: each once, by its time and text. ------------------------------------------------------- */
  const key = (line) => line.dataset.t && `${line.dataset.t} ${line.dataset.c ?? ''} ${line.querySelector('.x').textContent}`;
  const known = new Set();
  /* How many lines there are behind the first one that is shown, dropped ones too. */
  let behind = 0;
  const parse = (html) => {
    const template = document.createElement('template');
    template.innerHTML = html;
    return [...template.content.querySelectorAll('.l')];
  };
  const unknown = (lines) => lines.filter((line) => {
    const mark = key(line);
    if (!mark) return true;
    if (known.has(mark)) return false;
    known.add(mark);
    return true;
  });
  const forget = (line) => { const mark = key(line); if (mark) known.delete(mark); };
  const shown = () => list.children.length;
  const lastTime = () => {
    for (let line = list.lastElementChild; line; line = line.previousElementSibling) if (line.dataset.t) return line.dataset.t;
    return null;
  };
  const firstTime = () => {
    for (let line = list.firstElementChild; line; line = line.nextElementSibling) if (line.dataset.t) return line.dataset.t;
    return null;
  };
  /* A log that begins to be followed repeats its end, which may begin before what is shown; and both outputs come. */
  const since = () => firstTime() ?? (box.dataset.since || '0');
  const asked = () => {
    const begin = BigInt(since());
    return (line) => {
      if (!line.dataset.t) return true;
      const output = line.querySelector(':scope > i') ? 'stderr' : 'stdout';
      return BigInt(line.dataset.t) >= begin && (box.dataset.stream || output) === output;
    };
  };
  const note = (text) => {
    const line = document.createElement('p');
    line.className = 'l note';
    const inner = line.appendChild(document.createElement('span'));
    inner.className = 'x';
    inner.textContent = text;
    return line;
  };
  const empty = () => { box.classList.toggle('is-empty', shown() === 0); };

  /* The end: in sight until the reader scrolls up. -------------------------------------------------- */
  let atEnd = true;
  let fresh = 0;
  let paused = false;
  const held = [];
  let heldLines = 0;
  let dropped = 0;
  const end = $('#log-end');
  const showEnd = () => {
    end.hidden = atEnd && !paused;
    const text = end.querySelector('span');
    const n = fresh + heldLines + dropped;
    text.textContent = n > 0 ? `Jump to end (${n} new)` : 'Jump to end';
  };
  const toEnd = () => { box.scrollTop = box.scrollHeight; };
  box.addEventListener('scroll', () => {
    const now = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    if (now !== atEnd) {
      atEnd = now;
      if (atEnd) fresh = 0;
      showEnd();
    }
  }, { passive: true });

  const append = (lines) => {
    if (lines.length === 0) return;
    localise(lines);
    list.append(...lines);
    const extra = shown() - (atEnd ? MOST : MOST_OLDER);
    if (extra > 0) {
      for (let n = 0; n < extra; n += 1) {
        forget(list.firstElementChild);
        list.firstElementChild.remove();
      }
      if (!firstTime.reported) { firstTime.reported = true; older.hidden = false; }
    }
    if (atEnd) toEnd(); else fresh += lines.length;
    empty();
    showEnd();
    findSoon();
  };

  /* While paused, what comes is held back; of too much, the oldest is dropped. */
  const take = (lines) => {
    if (!paused) return append(lines);
    held.push(...lines);
    heldLines = held.length;
    if (held.length > MOST) {
      dropped += held.length - MOST;
      for (const line of held.splice(0, held.length - MOST)) forget(line);
      heldLines = held.length;
    }
    showEnd();
  };
  const pause = $('#log-pause');
  const setPaused = (on) => {
    if (!follows || paused === on) return;
    paused = on;
    pause.setAttribute('aria-pressed', String(on));
    pause.querySelector('span').textContent = on ? 'Resume' : 'Pause';
    pause.querySelector('use').setAttribute('href', `/static/icons.svg#${on ? 'play' : 'pause'}`);
    if (!on) {
      const lines = held.splice(0);
      if (dropped > 0) lines.unshift(note(`${dropped} lines skipped while paused: the download has them.`));
      heldLines = dropped = 0;
      append(lines);
    }
    showEnd();
  };
  pause?.addEventListener('click', () => setPaused(!paused));
  end.addEventListener('click', () => {
    setPaused(false);
    atEnd = true;
    fresh = 0;
    toEnd();
    showEnd();
    box.focus({ preventScroll: true });
  });

  /* The stream. A batch begins with the number of its first line: a hole is told. -------------------- */
  let next = null;
  let catching = false;
  const early = [];
  /* What showing one line takes, ms: a page that is too slow leaves lines out, rather than falling behind. */
  let cost = 0.02;
  const PATIENCE = 50;
  const batch = (data) => {
    const cut = data.indexOf('\n');
    const [first, count] = data.slice(0, cut).split(' ').map(Number);
    let skipped = next === null ? 0 : Math.max(0, first - next);
    next = first + count;
    behind += count + skipped;
    let rows = data.slice(cut + 1).split('\n').filter((row) => row !== '');
    const most = Math.max(100, Math.floor(PATIENCE / cost));
    if (rows.length > most) {
      skipped += rows.length - most;
      rows = rows.slice(-most);
    }
    const began = performance.now();
    const lines = unknown(parse(rows.join('\n')).filter(asked()));
    if (skipped > 0) lines.unshift(note(`${skipped} lines skipped: they came faster than this page can show them. The download has them.`));
    if (lines.length > 0) take(lines);
    if (rows.length >= 50) cost = 0.7 * cost + 0.3 * (performance.now() - began) / rows.length;
  };
  stream?.addEventListener('log-lines', (event) => {
    if (!catching) return batch(event.detail.data);
    early.push(event.detail.data);
    /* Each carries its number: what is dropped is told. */
    if (early.length > 50) early.shift();
  });

  const fetchLines = async (query) => {
    const url = box.dataset.lines + (box.dataset.lines.includes('?') ? '&' : '?') + query;
    const answer = await fetch(url, { signal: AbortSignal.timeout(20000) });
    if (!answer.ok) throw new Error(answer.status);
    return { lines: parse(await answer.text()), earlier: answer.headers.get('x-log-earlier') === '1', whole: answer.headers.get('x-log-whole') === '1' };
  };
  /* After each connection: what was written since the last line that came. What cannot be fetched is tried again;
     batches wait until then, or for a while. */
  let round = 0;
  let last = null;
  const lastCame = () => (held.length > 0 ? held.findLast((line) => line.dataset.t)?.dataset.t : null) ?? lastTime();
  const catchUp = async () => {
    round += 1;
    const mine = round;
    if (!catching) last = lastCame();
    catching = true;
    next = null;
    for (let attempt = 0; mine === round; attempt += 1) {
      try {
        const { lines, whole } = await fetchLines(last ? `after=${last}` : `after=${since()}&tail=500`);
        if (mine !== round) return;
        if (!whole && attempt < 4) throw new Error('not whole');
        const meets = !last || !whole || lines.some((line) => line.dataset.t && known.has(key(line)));
        const added = unknown(lines.filter(asked())).filter((line) => whole || line.dataset.t);
        behind += added.length;
        if (!meets && added.length > 0) added.unshift(note('Lines may be missing here: more was written than a page shows. The download has them.'));
        if (added.length > 0) take(added);
        break;
      } catch {
        if (attempt >= 4) {
          take([note('Lines may be missing here: what was written meanwhile could not be fetched. The download has them.')]);
          break;
        }
        await new Promise((done) => setTimeout(done, 500 * 2 ** attempt));
      }
    }
    if (mine !== round) return;
    catching = false;
    for (const data of early.splice(0)) batch(data);
  };
  if (follows) stream?.addEventListener('htmx:sse:after:connection', catchUp);

  /* Older lines. -------------------------------------------------------------------------------------- */
  const older = $('#log-older');
  older.addEventListener('click', async () => {
    const first = firstTime();
    if (!first) return;
    older.ariaBusy = 'true';
    try {
      const { lines, earlier } = await fetchLines(`before=${first}&known=${shown() + behind + 64}&tail=500`);
      const added = unknown(lines);
      localise(added);
      const height = box.scrollHeight;
      const top = box.scrollTop;
      list.prepend(...added);
      box.scrollTop = top + box.scrollHeight - height;
      older.hidden = !earlier || added.length === 0;
      findSoon();
    } catch {
      list.prepend(note('Older lines could not be fetched. Try again.'));
    }
    older.ariaBusy = null;
  });

  /* Finding is in find.js. With "Only matches" the server looks. ------------------------------------------ */
  const finder = Finder({
    lines: () => [...list.children],
    textOf: (line) => line.querySelector('.x'),
    moved: () => {
      atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
      showEnd();
    },
    leaves: () => $('#log-form [name="only"]').checked,
  });
  const findSoon = () => finder.soon();
  const field = $('#q');

  /* The form: a choice shows the log anew; what only looks different does so at once. ---------------------- */
  const form = $('#log-form');
  const remember = (name, off) => {
    const url = new URL(location.href);
    if (off) url.searchParams.set(name, '1'); else url.searchParams.delete(name);
    history.replaceState(history.state, '', url);
    form.querySelector(`input[type="hidden"][name="${name}"]`)?.remove();
    if (off) form.append(Object.assign(document.createElement('input'), { type: 'hidden', name, value: '1' }));
  };
  form.addEventListener('change', (event) => {
    const { id, name, checked } = event.target;
    if (id === 'log-wrap' || id === 'log-times') {
      const [param, look] = id === 'log-wrap' ? ['nowrap', 'log-nowrap'] : ['notimes', 'log-notimes'];
      const stay = atEnd;
      box.classList.toggle(look, !checked);
      remember(param, !checked);
      if (stay) toEnd();
    } else if (name === 'q' || name === 'until') {
      /* Typed: the button or Enter sends it. */
    } else if (name !== 'only' || field.value.trim() !== '') form.requestSubmit();
    else field.focus();
  });
  form.addEventListener('submit', () => {
    for (const input of form.elements) if (input.name && input.value === '' || input.name === 'tail' && input.value === '500') input.disabled = true;
  });
  addEventListener('pageshow', () => { for (const input of form.elements) input.disabled = false; });

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input:not([type="checkbox"]), select, textarea')) return;
    if (document.querySelector(':popover-open, dialog[open]')) return;
    if (event.key === 'p' && follows) setPaused(!paused);
    else if (event.key === 'G' || event.key === 'End' && event.target === box) end.click();
    else return;
    event.preventDefault();
  });

  /* Begin: what the server sent is known. ------------------------------------------------------------------- */
  const first = [...list.children];
  unknown(first);
  localise(first);
  $('#log-zone').textContent = 'Your time zone';
  $('#log-zone').title = `${Intl.DateTimeFormat().resolvedOptions().timeZone}; the time in UTC is in each time's title`;
  empty();
  toEnd();
  finder.begin();
})();
