/* Finding in a long text of lines: all matches are painted, one is the current. The field is #q. Browsers that cannot
   paint without touching the text (before 2025) still count and jump. */
'use strict';
const Finder = ({ lines, textOf, moved = () => {}, leaves = () => false }) => {
  const $ = (selector) => document.querySelector(selector);
  const field = $('#q');
  const find = $('#log-find');
  const paints = typeof Highlight === 'function' && CSS.highlights;
  const MOST = 20000;
  let matches = [];
  let current = -1;
  let wanted = '';
  const rangesOf = (line) => {
    const text = textOf(line);
    const whole = text.textContent.toLowerCase();
    const found = [];
    for (let at = whole.indexOf(wanted); at >= 0 && found.length < 100; at = whole.indexOf(wanted, at + wanted.length)) found.push(at);
    if (found.length === 0) return [];
    const nodes = [];
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(), from = 0; node; from += node.length, node = walker.nextNode()) nodes.push([node, from]);
    const place = (at, isEnd) => {
      for (const [node, from] of nodes) {
        if (at < from + node.length || (isEnd && at === from + node.length)) return [node, at - from];
      }
      return null;
    };
    return found.flatMap((at) => {
      const [start, stop] = [place(at, false), place(at + wanted.length, true)];
      if (!start || !stop) return [];
      const range = new Range();
      range.setStart(...start);
      range.setEnd(...stop);
      return [range];
    });
  };
  const paint = () => {
    if (!paints) return;
    CSS.highlights.set('log-match', new Highlight(...matches));
    CSS.highlights.set('log-current', new Highlight(...(current >= 0 ? [matches[current]] : [])));
  };
  const count = () => {
    find.hidden = wanted === '';
    $('#log-count').textContent = matches.length === 0 ? 'No match' : `${current + 1} of ${matches.length}`;
  };
  const reveal = () => {
    matches[current].startContainer.parentElement.scrollIntoView({ block: 'center', inline: 'nearest' });
    moved();
  };
  const search = (jump) => {
    wanted = field.value.trim().toLowerCase();
    const was = matches[current]?.startContainer;
    matches = wanted === '' ? [] : lines().flatMap(rangesOf).slice(-MOST);
    const again = matches.findIndex((range) => range.startContainer === was);
    current = again >= 0 ? again : matches.length - 1;
    paint();
    count();
    if (jump && current >= 0) reveal();
  };
  const go = (by) => {
    if (matches.length === 0) return;
    current = (current + by + matches.length) % matches.length;
    paint();
    count();
    reveal();
  };
  let later = null;
  const soon = () => {
    if (wanted === '' || later) return;
    later = setTimeout(() => { later = null; search(false); }, 250);
  };
  let typed = null;
  field.addEventListener('input', () => {
    clearTimeout(typed);
    typed = setTimeout(() => search(true), 120);
  });
  field.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || leaves()) return;
    event.preventDefault();
    clearTimeout(typed);
    if (field.value.trim().toLowerCase() !== wanted) search(true);
    else go(event.shiftKey ? -1 : 1);
  });
  $('#log-next').addEventListener('click', () => go(1));
  $('#log-prev').addEventListener('click', () => go(-1));
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, select, textarea')) return;
    if (event.key !== 'n' && event.key !== 'N') return;
    go(event.key === 'n' ? 1 : -1);
    event.preventDefault();
  });
  return { soon, begin: () => { if (field.value) search(true); } };
};
/* A page that only finds. */
if (document.querySelector('#json')) {
  Finder({ lines: () => [...document.querySelectorAll('#json .jl')], textOf: (line) => line }).begin();
}
