'use strict'

// Loads the native half, or says what is missing.

const { existsSync } = require('node:fs')
const { join } = require('node:path')
const { fileName } = require('./platform.cjs')

const path = join(__dirname, fileName)
if (!existsSync(path)) {
  throw new Error(`keywheel has no native half for this machine (${fileName}); build it with: node build.mjs --release`)
}
module.exports = require(path)
