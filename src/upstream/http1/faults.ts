/** What may be wrong with a reply, and with a connection. These codes are read by people, in logs. */

export type HttpFault =
  /** Not the first line of an HTTP/1.0 or HTTP/1.1 response. */
  | 'HTTP_STATUS_LINE'
  /** A header line that is none: bad characters, a folded line, a line feed alone. */
  | 'HTTP_HEADER'
  /** The head is larger than `limits.headers`, or has too many headers or interim responses. */
  | 'HTTP_HEAD_TOO_LARGE'
  /** `Content-Length` is no number, or stands there more than once. */
  | 'HTTP_CONTENT_LENGTH'
  /** `Transfer-Encoding` is not `chunked` alone, or stands beside `Content-Length`. */
  | 'HTTP_TRANSFER_ENCODING'
  /** Something is wrong with the framing of a chunk, or of the trailers. */
  | 'HTTP_CHUNK'
  /** 101, which nobody asked for. */
  | 'HTTP_UPGRADE'

export type ConnectionFault =
  | HttpFault
  /** It was closed before the reply began or while its head was read. */
  | 'CONNECTION_CLOSED'
  /** It was closed in the middle of a body. */
  | 'BODY_TRUNCATED'
  | 'CONNECT_TIMEOUT'
  /** The request holds what must not be written. */
  | 'REQUEST_INVALID'
  /** The upstream is no longer configured, or the sidecar ends. */
  | 'POOL_CLOSED'
