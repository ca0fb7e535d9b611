/**
 * A program that starts another one: the smallest file that a Linux kernel runs by itself. It needs no
 * shell, no interpreter and no library, because nobody knows what the image has in which it is started.
 *
 * It becomes `LOADER --library-path LIBRARIES NODE SCRIPT ARGUMENTS...`. By its loader's path, Node finds
 * the libraries that it came with; a variable such as LD_LIBRARY_PATH would reach every child too.
 */

/** Absolute paths, as they will be where it is started. */
export interface LaunchPaths {
  readonly loader: string
  readonly libraries: string
  readonly node: string
  readonly script: string
}

interface Machine {
  /** `e_machine` of the ELF header. */
  readonly number: number
  readonly code: string
}

/**
 * What both do, with the table of addresses behind them. The stack of a new process holds the count of
 * arguments, the arguments, a null, and the environment. The count and the name of the program give way to
 * `SCRIPT` and `NODE`, the other three go below, and what follows is in its place already: execve, and if
 * that fails, write the message and exit with 127.
 */
const MACHINES: Readonly<Record<string, Machine>> = {
  x64: {
    number: 62,
    code: `
      488b0424 488d54c410 488d1d48000000        rdx = environment, rbx = table
      488b4320 4889442408 488b4318 48890424     SCRIPT, NODE
      ff7310 ff7308 ff33                        LIBRARIES, --library-path, LOADER
      488b3b 4889e6 b83b000000 0f05             execve(LOADER, stack, environment)
      bf02000000 488b7328 488b5330 b801000000 0f05   write(2, message, length)
      bf7f000000 b83c000000 0f05 6690           exit(127)`,
  },
  arm64: {
    number: 183,
    code: `
      e90340f9 e26f298b 42400091 73020010       x2 = environment, x19 = table
      ff8300d1 631240a9 651a41a9 671240f9       room for three, five addresses
      e39300a9 e59b01a9 e71700f9                LOADER to SCRIPT
      e00303aa e1230091 a81b80d2 010000d4       execve(LOADER, stack, environment)
      400080d2 618a42a9 080880d2 010000d4       write(2, message, length)
      e00f80d2 a80b80d2 010000d4                exit(127)`,
  },
}

/** The words in front of two spaces are bytes; what comes after says what they do. */
function bytesOf(code: string): Buffer {
  const lines = code.trim().split('\n')
  const hex = lines.map((line) => line.trim().split('  ', 1)[0]?.replaceAll(' ', ''))
  return Buffer.from(hex.join(''), 'hex')
}

const BASE = 0x40_0000
const ELF_HEADER = 64
const PROGRAM_HEADER = 56
const WORD = 8
/** Pages of arm64 may have 64 KiB. */
const ALIGNMENT = 0x1_0000
const READ_AND_EXECUTE = 5

/** The processors that there is a launcher for, as Node names them. */
export const LAUNCHER_PROCESSORS: readonly string[] = Object.keys(MACHINES)

/** An ELF executable for a processor of `LAUNCHER_PROCESSORS`; undefined for any other. */
export function createLauncher(processor: string, paths: LaunchPaths): Buffer | undefined {
  const machine = MACHINES[processor]
  if (machine === undefined) return undefined
  const code = bytesOf(machine.code)
  const message = `${paths.loader} cannot be started; is it where sidelight install --at said?\n`
  const words = ['--library-path', paths.libraries, paths.node, paths.script]
  const texts = [paths.loader, ...words, message].map((text) => Buffer.from(`${text}\0`))
  const table = Buffer.alloc((texts.length + 1) * WORD)
  let address = BASE + ELF_HEADER + PROGRAM_HEADER + code.length + table.length
  for (const [index, text] of texts.entries()) {
    table.writeBigUInt64LE(BigInt(address), index * WORD)
    address += text.length
  }
  table.writeBigUInt64LE(BigInt(Buffer.byteLength(message)), texts.length * WORD)
  const size = address - BASE
  return Buffer.concat([elfHeader(machine), programHeader(size), code, table, ...texts])
}

/** System V ABI, "ELF Header": 64 bits, little-endian, an executable with one program header. */
function elfHeader({ number }: Machine): Buffer {
  const header = Buffer.alloc(ELF_HEADER)
  header.write('\x7fELF', 'latin1')
  header.set([2, 1, 1], 4)
  header.writeUInt16LE(2, 16)
  header.writeUInt16LE(number, 18)
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(BASE + ELF_HEADER + PROGRAM_HEADER), 24)
  header.writeBigUInt64LE(BigInt(ELF_HEADER), 32)
  header.writeUInt16LE(ELF_HEADER, 52)
  header.writeUInt16LE(PROGRAM_HEADER, 54)
  header.writeUInt16LE(1, 56)
  header.writeUInt16LE(64, 58)
  return header
}

/** One segment: the whole file, to be read and executed. */
function programHeader(size: number): Buffer {
  const header = Buffer.alloc(PROGRAM_HEADER)
  header.writeUInt32LE(1, 0)
  header.writeUInt32LE(READ_AND_EXECUTE, 4)
  header.writeBigUInt64LE(BigInt(BASE), 16)
  header.writeBigUInt64LE(BigInt(BASE), 24)
  header.writeBigUInt64LE(BigInt(size), 32)
  header.writeBigUInt64LE(BigInt(size), 40)
  header.writeBigUInt64LE(BigInt(ALIGNMENT), 48)
  return header
}
