/* What htmx does not do by itself: fetching the page's content anew, words for times, keys, toasts, title and
   favicon. Everything works, for reading and for forms, without this file. It is loaded before htmx, so that it
   hears everything the stream has to say. */
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  const $ = (selector) => document.querySelector(selector);
  const $$ = (selector) => [...document.querySelectorAll(selector)];
  const rows = () => $$('tr.c-row');
  const address = () => location.pathname + location.search;

  /* The session is over: the server leads to the sign-in. A form that signs out is on its way to its own
     page already, and that one wins. */
  let leaving = false;
  addEventListener('submit', (event) => { leaving = event.target.method === 'post'; });
  addEventListener('pageshow', () => { leaving = false; });
  const signedOut = () => { if (!leaving) location.reload(); };

  /* Times: the same words as platform::text::duration. ------------------------------------------ */
  const words = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    if (s < 60) return `${s}\u00a0s`;
    if (s < 3600) return `${Math.floor(s / 60)}\u00a0min`;
    if (s < 172800) return `${Math.floor(s / 3600)}\u00a0h`;
    return `${Math.floor(s / 86400)}\u00a0days`;
  };
  /* A moment in the browser's own zone; the server writes UTC. */
  const month = new Intl.DateTimeFormat('en', { month: 'short' });
  const moment = (date) => `${date.getDate()} ${month.format(date)} ${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
  const tell = () => {
    for (const time of $$('time[data-age]')) {
      const text = words((Date.now() - Date.parse(time.dateTime)) / 1000);
      if (time.textContent !== text) time.textContent = text;
    }
    for (const time of $$('time[data-local]')) {
      const text = moment(new Date(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  };

  /* Toasts: for what failed and is not visible in place. One of each kind, until it is dismissed or over. */
  const toasts = new Map();
  const untoast = (kind) => { toasts.get(kind)?.remove(); toasts.delete(kind); };
  const toast = (kind, title, text) => {
    if (toasts.has(kind)) return;
    const box = $('#toast').content.firstElementChild.cloneNode(true);
    box.querySelector('strong').textContent = title;
    box.querySelector('p').textContent = text;
    box.querySelector('button').addEventListener('click', () => untoast(kind));
    toasts.set(kind, box);
    $('#toasts').append(box);
  };

  /* Title and favicon carry what needs attention. ----------------------------------------------- */
  const trouble = () => {
    const state = $('#shell-state');
    if (!state) return;
    const n = Number(state.dataset.trouble);
    const title = document.title.replace(/^\(\d+\) /, '');
    const wanted = n > 0 ? `(${n}) ${title}` : title;
    if (document.title !== wanted) document.title = wanted;
    const icon = $('#favicon');
    const href = n > 0 ? icon.dataset.trouble : icon.dataset.calm;
    if (icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  };
  const settle = () => { tell(); trouble(); };

  /* The focus survives a morph; when its row is gone it goes to the next one. ---------------------- */
  const keepFocus = () => {
    const focused = document.activeElement;
    const row = focused?.closest('tr.c-row');
    if (!row) return () => {};
    const all = rows();
    const at = all.indexOf(row);
    const order = [row, ...all.slice(at + 1), ...all.slice(0, at).reverse()].map((r) => r.id);
    return () => {
      if (document.activeElement !== document.body) return;
      const next = order.map((id) => document.getElementById(id)).find(Boolean);
      next?.querySelector('.c-name').focus({ preventScroll: next.id === row.id });
    };
  };

  /* What is in sight stays where it is, whatever came or went above: most of the rows in sight decide. -- */
  const keepPlace = () => {
    if (scrollY === 0) return () => {};
    const seen = rows().map((row) => [row.id, row.getBoundingClientRect().top]).filter(([, top]) => top >= 0 && top < innerHeight);
    return () => {
      const votes = new Map();
      for (const [id, top] of seen) {
        const row = document.getElementById(id);
        if (!row) continue;
        const by = Math.round(row.getBoundingClientRect().top - top);
        votes.set(by, (votes.get(by) ?? 0) + 1);
      }
      const [by] = [...votes].sort((a, b) => b[1] - a[1])[0] ?? [0];
      if (by !== 0) scrollBy({ top: by, behavior: 'instant' });
    };
  };

  /* The page's content, fetched anew: at once, then at most every second; what fails is tried again. - */
  const PAUSE = 1000;
  const PATIENCE = 3;
  let last = 0;
  let timer = null;
  let busy = false;
  let failed = 0;
  const refresh = () => {
    if (timer || !$('[data-refresh]')) return;
    const pause = failed > 0 ? Math.min(PAUSE * 2 ** failed, 30000) : PAUSE;
    timer = setTimeout(async () => {
      timer = null;
      if (busy) return refresh();
      busy = true;
      last = Date.now();
      let again = false;
      try {
        const asked = address();
        const answer = await fetch(asked, {
          headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial', 'HX-Target': 'div#page-content' },
          signal: AbortSignal.timeout(20000),
        });
        if (answer.status === 401) return signedOut();
        if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
        const text = await answer.text();
        /* A search that was made meanwhile is newer than this answer. */
        if (asked !== address() || $('.search-form.htmx-request')) again = true;
        else {
          const refocus = keepFocus();
          const replace = keepPlace();
          await htmx.swap({ text, target: '#page-content', swap: 'outerMorph', sourceElement: stream });
          refocus();
          replace();
        }
        failed = 0;
        untoast('refresh');
      } catch {
        again = true;
        failed += 1;
        if (failed === PATIENCE) toast('refresh', 'This page may be out of date', 'Docker Watcher did not answer. It is asked again by itself.');
      } finally { busy = false; }
      if (again) refresh();
    }, Math.max(0, last + pause - Date.now()));
  };

  /* The live stream. ----------------------------------------------------------------------------- */
  let lost = null;
  let old = null;
  const showLive = (on) => {
    const live = $('#live');
    if (!live) return;
    live.hidden = false;
    live.dataset.live = on ? 'on' : 'off';
    const text = live.querySelector('span');
    const word = on ? 'Live' : 'Reconnecting…';
    if (text.textContent !== word) text.textContent = word;
  };
  const connected = () => {
    clearTimeout(lost);
    clearTimeout(old);
    lost = old = null;
    root.classList.remove('is-old');
    showLive(true);
  };
  const disconnected = () => {
    /* A stream that is back at once was not lost. */
    lost ??= setTimeout(() => showLive(false), 700);
    old ??= setTimeout(() => root.classList.add('is-old'), 30000);
  };

  const stream = $('#stream');
  if (stream?.hasAttribute('hx-sse:connect')) {
    let first = true;
    /* An extension that arrived after htmx had begun has missed the stream. */
    let asked = false;
    stream.addEventListener('htmx:config:request', () => { asked = true; });
    addEventListener('DOMContentLoaded', () => setTimeout(() => { if (!asked) htmx.process(stream); }));
    stream.addEventListener('htmx:sse:after:connection', () => { first = false; connected(); });
    stream.addEventListener('htmx:sse:before:connection', (event) => {
      if (event.detail.connection.attempt > 0) disconnected();
    });
    stream.addEventListener('htmx:sse:error', (event) => {
      disconnected();
      if (event.detail.status === 401) signedOut();
    });
    stream.addEventListener('list-changed', refresh);
    /* Another stretch of time is shown: what stands beside the charts is about it. */
    document.addEventListener('charts:window', refresh);
    stream.addEventListener('signed-out', signedOut);
    /* The extension does not retry a first connection that failed. */
    let delay = 1000;
    const retry = () => {
      if (!first) return;
      disconnected();
      setTimeout(() => { if (first) htmx.ajax('GET', stream.getAttribute('hx-sse:connect'), { source: stream }); }, delay);
      delay = Math.min(delay * 2, 30000);
    };
    stream.addEventListener('htmx:error', retry);
    stream.addEventListener('htmx:response:error', (event) => {
      const status = event.detail.ctx?.response?.status;
      if (status === 401) signedOut();
      else if (status !== 403 && status !== 404) retry();
    });
  }
  document.addEventListener('htmx:after:swap', settle);

  /* The search: clean addresses, one step back for one search, a word when it failed. ---------------- */
  const isSearch = (event) => event.target instanceof Element && event.target.matches('.search-form');
  document.addEventListener('htmx:config:request', (event) => {
    if (!isSearch(event)) return;
    const { body } = event.detail.ctx.request;
    for (const [name, value] of [...body]) if (value === '') body.delete(name);
  });
  const withoutText = (path) => {
    const parameters = new URL(path, location.href).searchParams;
    const searches = parameters.has('q');
    parameters.delete('q');
    return { searches, rest: parameters.toString() };
  };
  document.addEventListener('htmx:before:history:update', (event) => {
    if (!event.detail.sourceElement?.matches('.search-form')) return;
    const [from, to] = [withoutText(address()), withoutText(event.detail.history.path)];
    if (event.detail.history.path === address() || (from.searches && to.searches && from.rest === to.rest)) {
      event.detail.history.type = 'replace';
    }
  });
  for (const name of ['htmx:error', 'htmx:response:error']) {
    document.addEventListener(name, (event) => {
      if (!isSearch(event)) return;
      if (event.detail.ctx?.response?.status === 401) return signedOut();
      toast('search', 'The search got no answer', 'The list is still the one from before. Type again to try again.');
    });
  }
  document.addEventListener('htmx:after:swap', (event) => {
    const status = event.detail.ctx?.response?.status;
    if (isSearch(event) && status < 400) untoast('search');
  });

  /* Menus and dialogs: fragments of pages that work without them, too. An answer that leaves them empty
     closes them. ------------------------------------------------------------------------------------ */
  const menu = $('#menu');
  const dialog = $('#dialog');
  let opener = null;
  const fetchInto = async (href, target) => {
    const answer = await fetch(href, {
      headers: { 'HX-Request': 'true', 'HX-Request-Type': 'partial', 'HX-Current-URL': location.href },
      signal: AbortSignal.timeout(20000),
    });
    if (answer.status === 401) return signedOut();
    if (answer.status >= 500) throw new Error(answer.status);
    await htmx.swap({ text: await answer.text(), target, swap: 'innerHTML', sourceElement: stream });
    return true;
  };
  const placeMenu = (by) => {
    if (matchMedia('(max-width: 640px)').matches) {
      menu.style.removeProperty('left');
      menu.style.removeProperty('top');
      return;
    }
    const anchor = by.getBoundingClientRect();
    const { width, height } = menu.getBoundingClientRect();
    const below = anchor.bottom + 4 + height <= innerHeight;
    menu.style.left = `${Math.max(8, Math.min(anchor.right - width, innerWidth - width - 8))}px`;
    menu.style.top = `${Math.max(8, below ? anchor.bottom + 4 : anchor.top - height - 4)}px`;
  };
  const openMenu = async (by) => {
    opener = by;
    if (!await fetchInto(by.dataset.menu, '#menu')) return;
    menu.showPopover();
    placeMenu(by);
    menu.querySelector('a, button:not(:disabled)')?.focus({ focusVisible: by.matches(':focus-visible') });
  };
  const openDialog = async (href) => {
    if (!await fetchInto(href, '#dialog')) return;
    if (menu.matches(':popover-open')) menu.hidePopover();
    dialog.dataset.of = new URL(href, location.href).pathname;
    dialog.setAttribute('aria-labelledby', 'dialog-title');
    if (!dialog.open) dialog.showModal();
    (dialog.querySelector('[autofocus]') ?? dialog.querySelector('.dialog-f .btn'))?.focus();
  };
  const orGo = (opening, href) => opening.catch(() => location.assign(href));
  document.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    const link = event.target.closest('a[data-menu], a[data-dialog], a[data-close]');
    if (!link) return;
    if (link.hasAttribute('data-close')) {
      if (!link.closest('dialog')) return;
      event.preventDefault();
      return dialog.close();
    }
    event.preventDefault();
    if (link.hasAttribute('data-menu')) orGo(openMenu(link), link.dataset.menu);
    else orGo(openDialog(link.href), link.href);
  });
  dialog?.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  /* A dialog that was opened from a menu gives the focus back to what the menu belonged to. */
  const focusOpener = () => {
    const again = opener?.isConnected ? opener : opener && $(`[data-menu="${opener.dataset.menu}"]`);
    if (again && (document.activeElement === document.body || !document.activeElement)) again.focus({ preventScroll: true });
  };
  dialog?.addEventListener('close', () => { dialog.replaceChildren(); focusOpener(); });
  menu?.addEventListener('toggle', (event) => { if (event.newState === 'closed' && !dialog.open) focusOpener(); });
  menu?.addEventListener('keydown', (event) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    const entries = [...menu.querySelectorAll('a, button:not(:disabled)')];
    const at = entries.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    entries[(at + entries.length) % entries.length]?.focus();
  });
  document.addEventListener('htmx:after:swap', () => {
    if (menu?.matches(':popover-open') && !menu.firstElementChild) menu.hidePopover();
    if (dialog?.open && !dialog.firstElementChild) {
      dialog.close();
      if (dialog.dataset.of !== $('.bulk')?.getAttribute('action')) return;
      for (const pick of $$('.pick:checked')) pick.checked = false;
      selection();
    }
  });
  for (const name of ['htmx:error', 'htmx:response:error']) {
    document.addEventListener(name, (event) => {
      const form = event.target instanceof Element && event.target.closest('form[method="post"]');
      if (!form) return;
      for (const button of form.querySelectorAll('[aria-busy="true"]')) button.ariaBusy = null;
      const status = event.detail.ctx?.response?.status;
      if (status === 401) return signedOut();
      if (status === undefined || status >= 500) toast('action', 'That got no answer', 'Nothing may have been done. Look at the container, then try again.');
    });
  }

  /* The selection of rows. ---------------------------------------------------------------------------- */
  const selection = () => {
    const picks = $$('.pick');
    const n = picks.filter((pick) => pick.checked).length;
    const count = $('.bulk-n');
    if (count) count.textContent = n;
    const all = $('.pick-all');
    if (all) {
      all.checked = n > 0 && n === picks.length;
      all.indeterminate = n > 0 && n < picks.length;
    }
  };
  let lastPick = null;
  document.addEventListener('click', (event) => {
    const pick = event.target.closest?.('.pick');
    if (!pick) return;
    /* With Shift, everything between is picked as well. */
    const picks = $$('.pick');
    const from = lastPick ? picks.findIndex((one) => one.value === lastPick) : -1;
    if (event.shiftKey && from >= 0) {
      const to = picks.indexOf(pick);
      for (const one of picks.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = pick.checked;
    }
    lastPick = pick.value;
    selection();
  });
  document.addEventListener('change', (event) => {
    if (event.target.matches('.pick-all')) {
      for (const pick of $$('.pick')) pick.checked = event.target.checked;
    }
    if (event.target.matches('.pick, .pick-all')) selection();
  });
  document.addEventListener('reset', (event) => { if (event.target.matches('.bulk')) setTimeout(selection); });
  document.addEventListener('submit', (event) => {
    if (!event.target.matches('.bulk')) return;
    event.preventDefault();
    const query = new URLSearchParams(new FormData(event.target, event.submitter));
    const href = `${event.target.getAttribute('action')}?${query}`;
    orGo(openDialog(href), href);
  });
  document.addEventListener('htmx:after:swap', selection);

  /* A job that went well leaves by itself. */
  const leave = () => {
    for (const job of $$('.job[data-job="ok"]:not([data-leaving])')) {
      job.dataset.leaving = '';
      setTimeout(() => job.remove(), 6000);
    }
  };
  document.addEventListener('htmx:after:swap', leave);
  leave();

  /* Keys. ------------------------------------------------------------------------------------------ */
  const GO = { o: '/', c: '/containers', p: '/proxies', e: '/events', s: '/settings' };
  let leader = 0;
  const find = () => {
    const field = $('#q') ?? $('#jump');
    if (!field) return;
    /* In the narrow navigation the field is in the drawer. */
    if (!field.checkVisibility()) $('#nav').showPopover();
    field.focus();
    field.select();
  };
  const step = (by) => {
    const all = rows();
    if (all.length === 0) return;
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by));
    all[next].querySelector('.c-name').focus();
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.closest('input, select, textarea');
    if (event.key === 'Escape' && typing?.type === 'search' && !typing.closest(':popover-open')) {
      event.preventDefault();
      if (typing.value === '') return typing.blur();
      typing.value = '';
      typing.dispatchEvent(new Event('input', { bubbles: true }));
      return;
    }
    if (event.key === 'Escape' && !$(':popover-open') && !dialog?.open && $('.pick:checked')) {
      $('.bulk').reset();
      return;
    }
    if (typing && typing.type !== 'checkbox' || $(':popover-open') || dialog?.open) return;
    const to = Date.now() - leader < 1500 && GO[event.key];
    leader = event.key === 'g' && !to ? Date.now() : 0;
    if (to) location.assign(to);
    else if (event.key === '/') find();
    else if (event.key === '?') $('#keys')?.showPopover();
    else if (event.key === 'j') step(1);
    else if (event.key === 'k') step(-1);
    else if (event.key === 'x' && document.activeElement.closest('tr.c-row')) document.activeElement.closest('tr.c-row').querySelector('.pick')?.click();
    else if (event.key === 'l' && document.activeElement.closest('tr.c-row')) document.activeElement.closest('tr.c-row').querySelector('.row-acts a')?.click();
    else return;
    event.preventDefault();
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
  /* A form is sent once, and its button says that it is on its way. */
  document.addEventListener('submit', (event) => {
    const button = event.submitter;
    if (!button || event.target.method !== 'post') return;
    if (button.ariaBusy === 'true') return event.preventDefault();
    button.ariaBusy = 'true';
  });
  addEventListener('pageshow', () => {
    for (const button of $$('[aria-busy="true"]')) button.ariaBusy = null;
  });
  /* In rows that scroll sideways the current entry is in sight. */
  for (const entry of $$('.chips > [aria-current], .tabs > [aria-current]')) {
    const row = entry.parentElement;
    row.scrollLeft += entry.getBoundingClientRect().right - row.getBoundingClientRect().right + 48;
  }
  settle();
  setInterval(tell, 1000);
})();
