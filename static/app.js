/* What htmx does not do by itself: fetching the page's content anew, words for times, keys, title and
   favicon. Everything works, for reading, without this file. */
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  const $ = (selector) => document.querySelector(selector);

  /* Times: the same words as platform::text::duration. ------------------------------------------ */
  const words = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s}\u00a0s`;
    if (s < 3600) return `${Math.floor(s / 60)}\u00a0min`;
    if (s < 172800) return `${Math.floor(s / 3600)}\u00a0h`;
    return `${Math.floor(s / 86400)}\u00a0days`;
  };
  const tell = () => {
    for (const time of document.querySelectorAll('time[data-age]')) {
      const text = words((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  /* The page's content, fetched anew: at once, then at most every second. ----------------------- */
  const PAUSE = 1000;
  let last = 0;
  let timer = null;
  let busy = false;
  const refresh = () => {
    if (timer || !$('[data-refresh]')) return;
    const wait = Math.max(0, last + PAUSE - Date.now());
    timer = setTimeout(async () => {
      timer = null;
      if (busy) return refresh();
      busy = true;
      last = Date.now();
      try {
        const answer = await fetch(location.pathname + location.search, {
          headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial', 'HX-Target': 'div#page-content' },
        });
        if (answer.status === 401) return location.reload();
        if (answer.ok || answer.status === 404) {
          const text = await answer.text();
          await htmx.swap({ text, target: $('#page-content'), swap: 'outerMorph', sourceElement: $('#stream') });
          settle();
        }
      } catch { /* the stream says when the server is gone */ } finally { busy = false; }
    }, wait);
  };

  /* Title and favicon carry what needs attention. ----------------------------------------------- */
  const trouble = () => {
    const n = Number($('#shell-state')?.dataset.trouble || 0);
    const title = document.title.replace(/^\(\d+\) /, '');
    const wanted = n > 0 ? `(${n}) ${title}` : title;
    if (document.title !== wanted) document.title = wanted;
    const icon = $('#favicon');
    const href = n > 0 ? icon.dataset.trouble : icon.dataset.calm;
    if (icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  };

  /* The live stream. ----------------------------------------------------------------------------- */
  let connected = false;
  let lost = null;
  const showLive = () => {
    const live = $('#live');
    if (!live) return;
    live.hidden = false;
    live.dataset.live = connected ? 'on' : 'off';
    const text = live.querySelector('span');
    const word = connected ? 'Live' : 'Reconnecting…';
    if (text.textContent !== word) text.textContent = word;
  };
  const connection = (on) => {
    connected = on;
    clearTimeout(lost);
    if (on) root.classList.remove('is-old');
    else lost = setTimeout(() => root.classList.add('is-old'), 30000);
    showLive();
  };
  const settle = () => { tell(); showLive(); trouble(); };

  const stream = $('#stream');
  if (stream?.hasAttribute('hx-sse:connect')) {
    let first = true;
    showLive();
    stream.addEventListener('htmx:sse:after:connection', () => { first = false; connection(true); });
    stream.addEventListener('htmx:sse:before:connection', (event) => {
      if (event.detail.connection.attempt > 0) connection(false);
    });
    stream.addEventListener('htmx:sse:error', (event) => {
      connection(false);
      if (event.detail.status === 401) location.reload();
    });
    stream.addEventListener('list-changed', refresh);
    // A form that signs out is on its way to its own page: that one wins.
    stream.addEventListener('signed-out', () => { setTimeout(() => location.reload(), 500); });
    /* The extension does not retry a first connection that failed. */
    let delay = 1000;
    const retry = () => {
      if (!first) return;
      connection(false);
      setTimeout(() => { if (first) htmx.ajax('GET', stream.getAttribute('hx-sse:connect'), { source: stream }); }, delay);
      delay = Math.min(delay * 2, 30000);
    };
    stream.addEventListener('htmx:error', retry);
    stream.addEventListener('htmx:response:error', (event) => {
      if (event.detail.ctx?.response?.status === 401) location.reload(); else retry();
    });
  }
  document.addEventListener('htmx:after:swap', () => { settle(); });

  /* Keys. ------------------------------------------------------------------------------------------ */
  const rows = () => [...document.querySelectorAll('tr.c-row')];
  const go = { o: '/', c: '/containers', s: '/settings' };
  let leader = 0;
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest('input, select, textarea, [contenteditable]');
    if (event.key === 'Escape' && typing && typing.type === 'search') {
      if (typing.value === '') typing.blur();
      else { typing.value = ''; typing.dispatchEvent(new Event('input', { bubbles: true })); event.preventDefault(); }
      return;
    }
    if (typing || document.querySelector('dialog[open]')) return;
    if (Date.now() - leader < 1500) {
      leader = 0;
      const to = go[event.key];
      if (to) { event.preventDefault(); location.assign(to); return; }
    }
    if (event.key === 'g') { leader = Date.now(); return; }
    if (event.key === '/') {
      const field = $('#q') || $('#jump');
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (event.key === '?') {
      event.preventDefault();
      $('#keys')?.showModal();
    } else if (event.key === 'j' || event.key === 'k') {
      const all = rows();
      if (all.length === 0) return;
      const at = all.findIndex((r) => r.contains(document.activeElement));
      const next = Math.min(all.length - 1, Math.max(0, (at < 0 && event.key === 'j' ? -1 : at) + (event.key === 'j' ? 1 : -1)));
      all[next].querySelector('.c-name').focus();
    }
  });

  /* Small things. ---------------------------------------------------------------------------------- */
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    const source = $(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.lastChild.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(source);
    }
  });
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    if (button && event.target.method === 'post') requestAnimationFrame(() => button.setAttribute('aria-busy', 'true'));
  });
  addEventListener('pageshow', () => {
    for (const button of document.querySelectorAll('[aria-busy="true"]')) button.removeAttribute('aria-busy');
  });
  tell();
  trouble();
  setInterval(tell, 1000);
})();
