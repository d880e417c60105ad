#!/usr/bin/env node
// "PASSED FAILED SKIPPED" of a vitest JSON report. usage: .ci/count-tests REPORT
// The conformance suite's subscriptions do not count: the protocol leaves them open to a server.
import { readFileSync } from "node:fs";

const report = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tests = report.testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.map((test) => ({ ...test, file: name })),
);
const count = (wanted) => tests.filter(wanted).length;
const skipped = tests.filter(
  ({ status, file, fullName }) =>
    !["passed", "failed"].includes(status) &&
    !(/conformance[^/]*\.test\.ts$/.test(file) && /subscription/i.test(fullName)),
);
for (const { fullName } of skipped) console.error(`skipped: ${fullName}`);
console.log(
  count(({ status }) => status === "passed"),
  count(({ status }) => status === "failed"),
  skipped.length,
);
