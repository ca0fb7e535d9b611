/** What the page's classic script defines. */
declare const uPlot: typeof import('uplot')
