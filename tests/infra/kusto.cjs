// Microsoft's own Kusto parser over queries: stdin {tables, queries}, stdout the diagnostics of each.
//
// tables: {name: "(column: type, ...)"}; queries: {name: text}. A diagnostic is {severity, message,
// text}; a table, column or function that does not exist is one.
"use strict";
const fs = require("node:fs");
const path = require("node:path");

const folder = path.resolve(process.argv[2], "@kusto", "language-service-next");
require(path.join(folder, "bridge.js"));
require(path.join(folder, "Kusto.Language.Bridge.js"));
const Kusto = globalThis.Kusto.Language;

const { tables, queries } = JSON.parse(fs.readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(([name, columns]) => Kusto.Symbols.TableSymbol.From(columns).WithName(name));
const database = new Kusto.Symbols.DatabaseSymbol.$ctor1("app", symbols);
const globals = Kusto.GlobalState.Default.WithDatabase(database);

const found = {};
for (const [name, text] of Object.entries(queries)) {
  const code = Kusto.KustoCode.ParseAndAnalyze(text, globals);
  found[name] = Bridge.toArray(code.GetDiagnostics()).map((each) => ({
    severity: each.Severity,
    message: each.Message,
    text: text.slice(each.Start, each.End),
  }));
}
process.stdout.write(JSON.stringify(found));
