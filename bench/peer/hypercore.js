// SPDX-License-Identifier: MIT
// hypercore.js — hypercore's part of the benchmarks: node hypercore.js COMMAND ARGUMENT...
// May touch: the folder given; sockets of this machine. hypercore itself comes from $HYPERCORE, where bench/setup has put it.
//
//   write FOLDER COUNT GROUP   appends COUNT values, GROUP of them to a block, and prints {"messages", "seconds"}
'use strict'
const { createRequire } = require('module')
const path = require('path')
const { randomBytes } = require('crypto')
const Hypercore = createRequire(path.join(process.env.HYPERCORE, 'package.json'))('hypercore')

// 14 random characters in quotes, as the load driver's.
function value () {
  return '"' + randomBytes(11).toString('base64url').slice(0, 14) + '"'
}

function block (n) {
  const values = []
  for (let i = 0; i < n; i++) values.push(value())
  return Buffer.from(values.join(''))
}

const commands = {
  async write (folder, count, group) {
    const core = new Hypercore(folder)
    await core.ready()
    const began = process.hrtime.bigint()
    for (let made = 0; made < count;) {
      const blocks = []
      for (; made < count && blocks.length < 100; made += group) blocks.push(block(Math.min(group, count - made)))
      await core.append(blocks)
    }
    const seconds = Number(process.hrtime.bigint() - began) / 1e9
    await core.close()
    console.log(JSON.stringify({ messages: count, seconds }))
  }
}

async function main () {
  const [name, folder, ...numbers] = process.argv.slice(2)
  if (!Object.hasOwn(commands, name)) throw new Error('unknown command ' + name + '; there are: ' + Object.keys(commands).join(' '))
  await commands[name](folder, ...numbers.map(Number))
}

main().catch((e) => {
  console.error(e)
  process.exit(1)
})
