#!/usr/bin/env node
'use strict'
// The command: `npx kinetik`.

const { runCommand } = require('../native.js')

process.exitCode = runCommand(['kinetik', ...process.argv.slice(2)])
