/** What several fixtures answer with: text, and the smallest files of their kinds in base64. */

import type { CallToolResult } from '@modelcontextprotocol/server'

export const text = (value: string): CallToolResult => ({
  content: [{ type: 'text', text: value }],
})

/** A PNG of one pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

/** A WAV of no samples: 8000 Hz, one channel, 8 bits. */
export const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='
