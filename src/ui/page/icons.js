/** Small drawings. Each state has a shape of its own, so that colour is never the only sign. */

import { svg } from '/ui/lib/lit-html.js'

/** @typedef {'ok' | 'warn' | 'crit' | 'calm'} Tone */

/**
 * A disc, a triangle, an octagon, or a ring.
 * @param {Tone} tone
 * @param {number} [size]
 */
export function toneIcon(tone, size = 12) {
  return svg`<svg width=${size} height=${size} viewBox="0 0 16 16" aria-hidden="true" fill="currentColor">${SHAPES[tone]}</svg>`
}

const SHAPES = {
  ok: svg`<path d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm3.7 5.2-4.3 5a.8.8 0 0 1-1.2 0L4.2 9a.8.8 0 1 1 1.2-1l1.4 1.5 3.7-4.3a.8.8 0 1 1 1.2 1Z"/>`,
  warn: svg`<path d="M8.9 1.6a1 1 0 0 0-1.8 0l-6.4 12A1 1 0 0 0 1.6 15h12.8a1 1 0 0 0 .9-1.4ZM7.1 5.8h1.8v4.4H7.1Zm0 5.6h1.8v1.7H7.1Z"/>`,
  crit: svg`<path d="M5 .9h6L15.1 5v6L11 15.1H5L.9 11V5Zm2.1 3v5.2h1.8V3.9Zm0 6.6v1.8h1.8v-1.8Z"/>`,
  calm: svg`<path fill-rule="evenodd" d="M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Zm0 2a5 5 0 1 1 0 10A5 5 0 0 1 8 3Z"/>`,
}

export const dot = svg`<svg width="8" height="8" viewBox="0 0 8 8" aria-hidden="true" fill="currentColor"><circle cx="4" cy="4" r="4"/></svg>`

export const chevron = svg`<svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"><path d="m6 3 5 5-5 5"/></svg>`

export const moon = svg`<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="currentColor"><path d="M6.2 1.4a6.8 6.8 0 1 0 8.4 8.4A5.6 5.6 0 0 1 6.2 1.4Z"/></svg>`

export const sun = svg`<svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"><circle cx="8" cy="8" r="3"/><path d="M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13"/></svg>`

/** @param {'asc' | 'desc'} way */
export function arrow(way) {
  const path = way === 'asc' ? 'M6 2 2.5 6.5h7Z' : 'M6 10 2.5 5.5h7Z'
  return svg`<svg width="10" height="10" viewBox="0 0 12 12" aria-hidden="true" fill="currentColor"><path d=${path} /></svg>`
}
