/**
 * Charts, drawn by uPlot in elements of their own: their properties are set, the rest they see to.
 *
 * @import { PointView } from './types.d.ts'
 */

import { clockTime, duration, rate } from './format.js'

/** @typedef {{ label: string, colour: string, fill?: string, values: readonly (number | null)[] }} Line */

/** @typedef {readonly PointView[]} Points */

/** @param {Points} points @returns {number[]} seconds since the epoch, the start of each step */
function timesOf(points) {
  return points.map(({ startMs }) => startMs / 1_000)
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

/** @param {Points} points @returns {Line[]} */
export function rateLines(points) {
  /** @param {(point: PointView) => number} valueOf */
  const perSecond = (valueOf) => points.map((point) => valueOf(point) / (point.durationMs / 1_000))
  return [
    {
      label: 'Calls/s',
      colour: 'accent',
      fill: 'accent-soft',
      values: perSecond(({ calls }) => calls),
    },
    {
      label: 'Errors/s',
      colour: 'crit-bar',
      fill: 'crit-soft',
      values: perSecond(({ errors }) => errors),
    },
  ]
}

/** @param {Points} points @returns {Line[]} */
export function latencyLines(points) {
  return [
    { label: 'p95', colour: 'warn-bar', values: points.map(({ p95Ms }) => p95Ms ?? null) },
    { label: 'p50', colour: 'accent', values: points.map(({ p50Ms }) => p50Ms ?? null) },
  ]
}

/** A line moves by a pixel or two in that time. */
const SHOW_EVERY_MS = 1_000

class ChartElement extends HTMLElement {
  /** @type {import('uplot') | undefined} */
  #plot
  /** @type {Points | undefined} */
  #points
  #theme = ''
  #shownMs = 0
  /** @type {ResizeObserver | undefined} */
  #resizes

  /** @param {Points} points */
  set points(points) {
    const sameTheme = this.#theme === (document.documentElement.dataset['theme'] ?? '')
    const nowMs = performance.now()
    if (sameTheme && (points === this.#points || nowMs - this.#shownMs < SHOW_EVERY_MS)) return
    this.#shownMs = nowMs
    this.#points = points
    this.#show()
  }

  connectedCallback() {
    this.#resizes = new ResizeObserver(() => this.#fit())
    this.#resizes.observe(this)
    this.#show()
  }

  disconnectedCallback() {
    this.#resizes?.disconnect()
    this.#plot?.destroy()
    this.#plot = undefined
  }

  /** @param {Points} _points @returns {Line[]} */
  lines(_points) {
    return []
  }

  get small() {
    return false
  }

  /** @param {number | null} value */
  axisText(value) {
    return value === null ? '' : rate(value)
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this
    if (width > 0) this.#plot?.setSize({ width, height })
  }

  #show() {
    if (this.#points === undefined || !this.isConnected) return
    const lines = this.lines(this.#points)
    const theme = document.documentElement.dataset['theme'] ?? ''
    /** @type {import('uplot').AlignedData} */
    const data = [timesOf(this.#points), ...lines.map(({ values }) => [...values])]
    // Colours are fixed when a plot is made.
    if (this.#plot !== undefined && this.#theme === theme) return this.#plot.setData(data)
    this.#plot?.destroy()
    this.#theme = theme
    this.#plot = new uPlot(this.#options(lines), data, this)
  }

  /** @param {readonly Line[]} lines @returns {import('uplot').Options} */
  #options(lines) {
    const { small } = this
    const axis = {
      stroke: colour('muted'),
      grid: { stroke: colour('line'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui, sans-serif',
    }
    return {
      width: Math.max(40, this.clientWidth),
      height: Math.max(20, this.clientHeight),
      padding: small ? [3, 0, 1, 0] : [10, 8, 0, 0],
      legend: { show: false },
      cursor: small ? { show: false } : { drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(max, 0.001) * 1.1] } },
      axes: small
        ? [{ show: false }, { show: false }]
        : [
            {
              ...axis,
              size: 26,
              space: 70,
              values: (_, times) => times.map((at) => clockTime(at * 1_000).slice(0, 5)),
            },
            {
              ...axis,
              size: 54,
              space: 36,
              values: (_, values) => values.map((value) => this.axisText(value)),
            },
          ],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: colour(line.colour),
          ...(line.fill === undefined ? {} : { fill: colour(line.fill) }),
          width: small ? 1.5 : 2,
          points: { show: false },
          spanGaps: false,
        })),
      ],
    }
  }
}

class RateChart extends ChartElement {
  /** @override @param {Points} points */
  lines(points) {
    return rateLines(points)
  }
}

class LatencyChart extends ChartElement {
  /** @override @param {Points} points */
  lines(points) {
    return latencyLines(points)
  }

  /** @override @param {number | null} value */
  axisText(value) {
    return value === null ? '' : duration(value)
  }
}

class Spark extends ChartElement {
  /** @override @param {Points} points */
  lines(points) {
    return rateLines(points)
  }

  /** @override */
  get small() {
    return true
  }
}

export function defineCharts() {
  customElements.define('sl-rate', RateChart)
  customElements.define('sl-latency', LatencyChart)
  customElements.define('sl-spark', Spark)
}
