// SPDX-License-Identifier: MIT
// hypercore.js — hypercore's part of the benchmarks: node hypercore.js COMMAND ARGUMENT...
// May touch: the folder given; sockets of this machine. hypercore itself comes from $HYPERCORE, where bench/setup has put it.
//
//   write FOLDER COUNT GROUP   appends COUNT values, GROUP of them to a block, and prints {"messages", "seconds"}
//   serve FOLDER               replicates to whoever connects, and prints {"port", "key", "blocks"}; stops with SIGTERM
//   fetch FOLDER PORT KEY N    a fresh core in FOLDER downloads N blocks from there, verified, and prints {"blocks",
//                              "seconds", "cpu"}: the time from the connection to the last block
'use strict'
const { createRequire } = require('module')
const net = require('net')
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
  },

  async serve (folder) {
    const core = new Hypercore(folder)
    await core.ready()
    const server = net.createServer((socket) => join(socket, core.replicate(false)))
    server.listen(0, '127.0.0.1', () => {
      console.log(JSON.stringify({ port: server.address().port, key: core.key.toString('hex'), blocks: core.length }))
    })
    process.on('SIGTERM', () => process.exit(0))
  },

  async fetch (folder, port, key, blocks) {
    const core = new Hypercore(folder, Buffer.from(key, 'hex'))
    await core.ready()
    const before = process.cpuUsage()
    const began = process.hrtime.bigint()
    const socket = net.connect(Number(port), '127.0.0.1')
    join(socket, core.replicate(true))
    await core.download({ start: 0, end: Number(blocks) }).done()
    const seconds = Number(process.hrtime.bigint() - began) / 1e9
    const used = process.cpuUsage(before)
    if (core.contiguousLength !== Number(blocks)) throw new Error('blocks are missing: ' + core.contiguousLength)
    console.log(JSON.stringify({ blocks: core.contiguousLength, seconds, cpu: (used.user + used.system) / 1e6 }))
    process.exit(0)
  }
}

function join (socket, stream) {
  socket.setNoDelay(true)
  stream.on('error', () => {}) // the other side has gone
  socket.on('error', () => {})
  socket.pipe(stream).pipe(socket)
}

async function main () {
  const [name, folder, ...rest] = process.argv.slice(2)
  if (!Object.hasOwn(commands, name)) throw new Error('unknown command ' + name + '; there are: ' + Object.keys(commands).join(' '))
  await commands[name](folder, ...(name === 'fetch' ? rest : rest.map(Number)))
}

main().catch((e) => {
  console.error(e)
  process.exit(1)
})
