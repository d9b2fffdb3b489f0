'use strict'

// What the native half is called on this machine.

/** Whether the C library is musl: Node's own report names glibc's version where there is one. */
function isMusl() {
  return process.platform === 'linux' && !process.report.getReport().header.glibcVersionRuntime
}

module.exports = { fileName: `keywheel.${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}.node` }
