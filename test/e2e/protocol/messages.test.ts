/** Messages of any kind and of any spelling go through as they are, in either direction. */

import assert from 'node:assert/strict'
import {
  assertQuiet,
  call,
  EVERY_MODE,
  exchange,
  idOf,
  notification,
  openSession,
  overModes,
  request,
  result,
} from '../../support/link.ts'

overModes('case 21: either side can ping the other', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  await exchange(link, '{"jsonrpc":"2.0","id":1,"method":"ping"}', result('1'))
  const ping = '{"jsonrpc":"2.0","id":"far-1","method":"ping"}'
  link.far.speak(ping)
  assert.equal(await link.near.next(), ping)
  link.near.send(result('"far-1"'))
  assert.equal((await link.far.next()).text, result('"far-1"'))
  await assertQuiet(link)
})

overModes('case 22: a log level is set and log messages come', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  await exchange(link, request('1', 'logging/setLevel', '{"level":"warning"}'), result('1'))
  const log = notification('notifications/message', '{"level":"error","data":{"n":1.0}}')
  link.far.speak(log)
  assert.equal(await link.near.next(), log)
  // In the middle of a call they come with it.
  link.near.send(call('2'))
  const taken = await link.far.next()
  taken.say(log)
  assert.equal(await link.near.next(), log)
  taken.answer(result('2'))
  assert.equal(await link.near.next(), result('2'))
  await assertQuiet(link)
})

overModes('case 23: changes of lists and resources are told', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  await exchange(link, request('1', 'resources/subscribe', '{"uri":"test://a"}'), result('1'))
  const changes = [
    notification('notifications/tools/list_changed'),
    '{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}',
    notification('notifications/resources/list_changed', '{"_meta":{"x":1e2}}'),
    notification('notifications/resources/updated', '{"uri":"test://a"}'),
  ]
  for (const change of changes) {
    link.far.speak(change)
    assert.equal(await link.near.next(), change)
  }
  await assertQuiet(link)
})

overModes('case 24: a cursor is opaque, and an empty one is kept', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  const cursors = ['""', String.raw`"a\/b\u00e9=="`, '"{\\"page\\":1.0}"']
  for (const [index, cursor] of cursors.entries()) {
    await exchange(
      link,
      request(String(index), 'tools/list', `{"cursor":${cursor}}`),
      result(String(index), `{"tools":[],"nextCursor":${cursor}}`),
    )
  }
  await assertQuiet(link)
})

const IDS = ['0', '""', '1', '"1"', '9007199254740993', '-7', '"é😀"', String.raw`"\u0061"`]

overModes('case 25: ids of every kind come back as they were', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  for (const id of IDS) await exchange(link, call(id), result(id))
  await assertQuiet(link)
})

overModes(
  'case 25: requests under way at once each get the answer with their own id',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    const taken = []
    for (const id of IDS) {
      link.near.send(call(id))
      taken.push(await link.far.next())
    }
    for (const [index, one] of taken.entries()) assert.equal(one.text, call(IDS[index] ?? ''))
    const answers = IDS.map((id) => result(id, `{"for":${id}}`))
    for (const [index, one] of [...taken.entries()].toReversed()) one.answer(answers[index] ?? '')
    const got: string[] = []
    for (const _id of IDS) got.push(await link.near.next())
    assert.deepEqual(got.toSorted(), answers.toSorted())
    await assertQuiet(link)
  },
)

overModes(
  'case 25: two requests with one id under way at once each get their own answer',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    const posted = []
    const taken = []
    for (const name of ['a', 'b']) {
      posted.push(link.near.send(call('1', name)))
      taken.push(await link.far.next())
    }
    // A process that could not tell them apart is given another id for the second.
    const [first, second] = taken.map(({ text }) => idOf(text))
    assert.equal(first, '1')
    assert.equal(second === '1', mode !== 'HTTP→stdio')
    const answers = ['a', 'b'].map((name) => result('1', `{"for":"${name}"}`))
    for (const [index, one] of taken.entries()) {
      const answer = answers[index] ?? ''
      one.answer(answer.replace('"id":1', `"id":${index === 0 ? first : second}`))
    }
    const got = [await link.near.next(), await link.near.next()]
    assert.deepEqual(got.toSorted(), answers)
    for (const [index, one] of posted.entries()) {
      if (one !== undefined) assert.deepEqual(one.messages, [answers[index]])
    }
    await assertQuiet(link)
  },
)

const ODD: readonly string[] = [
  '{"jsonrpc":"2.0","id":1,"method":"vendor/thing","params":{"name":7}}',
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"vendor/x":{"n":1.0},"traceparent":7}},"extra":[1.0]}',
  '{"extra":null,"method":"ping","id":1,"jsonrpc":"2.0"}',
  '{"jsonrpc" : "2.0" ,\t"id":1, "method":"ping" }',
]

overModes('case 26: unknown methods, members and notifications pass', EVERY_MODE, async (mode) => {
  const link = await openSession(mode)
  for (const odd of ODD) {
    await exchange(link, odd, '{"vendor":true,"jsonrpc":"2.0","id":1,"result":{"new":[1e2]}}')
  }
  const toServer = '{"jsonrpc":"2.0","method":"notifications/vendor","extra":1.0}'
  link.near.send(toServer)
  assert.equal((await link.far.next()).text, toServer)
  const toClient = '{"extra":1.0,"jsonrpc":"2.0","method":"notifications/vendor/news"}'
  link.far.speak(toClient)
  assert.equal(await link.near.next(), toClient)
  await assertQuiet(link)
})

/** Values that a parser and a serialiser together would change. */
const VALUES =
  String.raw`{"a":1.0,"b":1e2,"c":12345678901234567890,"d":-0,"d":1E+2,"e":"\u00e9\/\ud83d\ude00","é":"é😀",` +
  '"f":[ 1 , 2 ],"g":{},"h":0.1000000000000000055511151231257827}'

overModes(
  'case 27: numbers, duplicate keys and escapes arrive byte for byte',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    await exchange(
      link,
      request('1', 'tools/call', `{"name":"t","arguments":${VALUES}}`),
      result('1', `{"content":[],"structuredContent":${VALUES}}`),
    )
    const progress = notification('notifications/message', `{"level":"info","data":${VALUES}}`)
    link.far.speak(progress)
    assert.equal(await link.near.next(), progress)
    await assertQuiet(link)
  },
)

overModes(
  'case 28: an error without an id reaches the client whose request is under way',
  EVERY_MODE,
  async (mode) => {
    const link = await openSession(mode)
    link.near.send(call('1'))
    const error = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'
    ;(await link.far.next()).answer(error)
    const got = await link.near.next()
    // A client over pipes cannot tell whose an error without an id is; the bridge can.
    if (mode === 'stdio→HTTP') assert.equal(got, error.replace('"id":null', '"id":1'))
    else assert.equal(got, error)
    await assertQuiet(link)
  },
)
