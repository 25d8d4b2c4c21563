// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Runs the unit tests on contracts that are wrong in one line:
//
//	node mutate.mjs TABLE PROJECT FORGE COUNT SHARE SHARES
//
// PROJECT is one that FORGE has built.  COUNT rows of TABLE are taken, 0 means
// all, and of those every SHARESth, beginning with number SHARE.  A row is a
// file of src, a fragment that it holds once, what stands there instead (- is
// nothing), and what that breaks; tabs are between.
//
// Mutants are compiled here and not by forge, without optimizer: that takes a
// second and not half a minute.  The tests are told where the code is, and need
// no compiler.  The verifier is deployed by itself and has its own tests; its
// assembly needs the optimizer to find room on the stack.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [table, project, forge, count, share, shares] = process.argv.slice(2);
const modules = join(project, "node_modules");
const solc = createRequire(join(modules, "x.js"))("solc");
const MARKETPLACE = {
	source: "test/TestMarketplace.sol",
	contract: "TestMarketplace",
	variable: "CDX_MARKETPLACE",
	optimize: false,
	tests: ["--no-match-contract", "Fuzz|Invariant|Gas|^Verifier"],
};
const VERIFIER = {
	source: "src/Groth16Verifier.sol",
	contract: "Groth16Verifier",
	variable: "CDX_VERIFIER",
	optimize: true,
	tests: ["--match-contract", "^Verifier(Key)?Test"],
};
// What forge may take for one mutant; an endless loop ends by its gas
const TIMEOUT = 120000;
// Calls of a fuzz test: what is wrong in a line is wrong for most numbers
const FUZZ_RUNS = "16";

function readSources() {
	const harness = MARKETPLACE.source;
	const sources = { [harness]: readText(join(project, harness)) };

	for (const name of readdirSync(join(project, "src")))
		sources[`src/${name}`] = readText(join(project, "src", name));
	return sources;
}

function readText(path) {
	return readFileSync(path, "utf8");
}

function readImport(path) {
	return { contents: readText(join(modules, path)) };
}

function targetOf(file) {
	return `src/${file}` === VERIFIER.source ? VERIFIER : MARKETPLACE;
}

function compile(sources, { source, contract, optimize }) {
	const code = { [contract]: ["evm.bytecode.object"] };
	const input = {
		language: "Solidity",
		sources: Object.fromEntries(
			Object.entries(sources).map(([name, content]) => [
				name,
				{ content },
			]),
		),
		settings: {
			evmVersion: "shanghai",
			optimizer: { enabled: optimize },
			outputSelection: { [source]: code },
		},
	};
	const output = JSON.parse(
		solc.compile(JSON.stringify(input), { import: readImport }),
	);
	const errors = (output.errors ?? []).filter(
		(e) => e.severity === "error",
	);

	if (errors.length > 0) throw new Error(errors[0].formattedMessage);
	return output.contracts[source][contract].evm.bytecode.object;
}

// The first test that fails with this code, or nothing
function runTests(code, name, { variable, tests }) {
	const folder = join(project, "mutants");
	const file = join(folder, `${name}.json`);

	mkdirSync(folder, { recursive: true });
	writeFileSync(
		file,
		JSON.stringify({ bytecode: { object: `0x${code}` } }),
	);
	try {
		execFileSync(
			forge,
			["test", "--fail-fast", ...tests],
			{
				cwd: project,
				env: {
					...process.env,
					FOUNDRY_FUZZ_RUNS: FUZZ_RUNS,
					FOUNDRY_FUZZ_SEED: process.env.CDX_SEED ?? "1",
					[variable]: file,
				},
				timeout: TIMEOUT,
				stdio: ["ignore", "pipe", "pipe"],
				maxBuffer: 1 << 28,
			},
		);
	} catch (error) {
		const text = `${error.stdout}${error.stderr}`;
		const found = text.match(/\[FAIL[^\n]*\] (test\w*|setUp)/);

		// forge that fails for anything else is no test that does
		if (found === null) throw new Error(text || error.message);
		return found[1];
	}
	return undefined;
}

function mutate(sources, [file, original, replacement]) {
	const name = `src/${file}`;
	const text = sources[name];

	if (text === undefined) throw new Error("no such file");
	const pieces = text.split(original);

	if (pieces.length !== 2)
		throw new Error(
			`"${original}" is there ${pieces.length - 1} times`,
		);
	return {
		...sources,
		[name]: pieces.join(replacement === "-" ? "" : replacement),
	};
}

function readTable() {
	const rows = readText(table)
		.split("\n")
		.map((line, i) => ({ line: i + 1, fields: line.split(/\t+/) }))
		.filter(({ fields }) => fields[0] && fields[0][0] !== "#");
	const wanted = Number(count) || rows.length;

	for (const { line, fields } of rows)
		if (fields.length !== 4)
			throw new Error(`mutants.tab:${line}: four columns`);
	return rows.filter(
		(_, i) =>
			Math.floor((i * wanted) / rows.length) !==
			Math.floor(((i - 1) * wanted) / rows.length),
	);
}

const sources = readSources();
let bad = 0;

function complain(text) {
	console.log(text);
	bad += 1;
}

// Without this a code that never works would kill all mutants
for (const target of [MARKETPLACE, VERIFIER]) {
	const code = compile(sources, target);
	const broken = runTests(code, `none-${share}`, target);

	if (broken !== undefined) {
		console.log(`${target.contract} as it is fails ${broken}`);
		process.exit(1);
	}
}
readTable().forEach(({ line, fields }, i) => {
	if (i % Number(shares) !== Number(share)) return;
	const where = `mutants.tab:${line}: ${fields[0]}: ${fields[3]}`;

	try {
		const target = targetOf(fields[0]);
		const code = compile(mutate(sources, fields), target);
		const killer = runTests(code, line, target);

		if (killer === undefined) complain(`SURVIVED ${where}`);
		else console.log(`killed ${where}: ${killer}`);
	} catch (error) {
		complain(`NO MUTANT ${where}: ${error.message}`);
	}
});
process.exit(bad === 0 ? 0 : 1);
