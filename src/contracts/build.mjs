// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Compiles the contracts beside this file:
//
//	node build.mjs NPM OUT
//
// NPM is the folder that holds node_modules of npm/package-lock.json, OUT the
// one that gets NAME.json for every contract that is deployed.  What comes out
// depends on the sources and the compiler alone: paths are those below this
// folder, and no metadata is appended to the code.

import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const DEPLOYED = ["Marketplace", "Groth16Verifier", "TestToken"];
const SETTINGS = {
	evmVersion: "shanghai",
	optimizer: { enabled: true, runs: 1000 },
	viaIR: true,
	metadata: { appendCBOR: false, bytecodeHash: "none" },
};

if (process.argv.length !== 4) {
	console.error("usage: node build.mjs NPM OUT");
	process.exit(2);
}
const modules = join(resolve(process.argv[2]), "node_modules");
const out = resolve(process.argv[3]);
const solc = createRequire(join(modules, "x.js"))("solc");

// Everything that the sources import from elsewhere is a package's
function readImport(path) {
	try {
		return { contents: readFileSync(join(modules, path), "utf8") };
	} catch (error) {
		return { error: error.message };
	}
}

function compile() {
	const sources = {};

	for (const name of readdirSync(here).sort())
		if (name.endsWith(".sol"))
			sources[name] = {
				content: readFileSync(join(here, name), "utf8"),
			};

	const input = {
		language: "Solidity",
		sources,
		settings: {
			...SETTINGS,
			outputSelection: {
				"*": {
					"*": [
						"abi",
						"evm.bytecode.object",
						"evm.deployedBytecode.object",
					],
				},
			},
		},
	};

	return JSON.parse(
		solc.compile(JSON.stringify(input), { import: readImport }),
	);
}

const result = compile();
const messages = result.errors ?? [];

// a warning is an error
for (const message of messages) console.error(message.formattedMessage);
if (messages.length > 0) process.exit(1);

mkdirSync(out, { recursive: true });
for (const name of DEPLOYED) {
	const contract = result.contracts[`${name}.sol`]?.[name];

	if (contract === undefined) {
		console.error(`${name}.sol: no such contract`);
		process.exit(1);
	}
	const artifact = {
		contractName: name,
		abi: contract.abi,
		bytecode: `0x${contract.evm.bytecode.object}`,
		deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
		compiler: solc.version(),
		settings: SETTINGS,
	};

	writeFileSync(
		join(out, `${name}.json`),
		`${JSON.stringify(artifact, null, 1)}\n`,
	);
	console.log(`${name}: ${artifact.deployedBytecode.length / 2 - 1} bytes`);
}
