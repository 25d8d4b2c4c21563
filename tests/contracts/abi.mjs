// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Compares the ABIs of compiled contracts with the table that they have to
// keep to:
//
//	node abi.mjs TABLE ARTIFACTS NPM
//
// Every row must be in the ABI of its contract, with the hash that the table
// says; and the marketplace's ABI holds nothing that the table does not.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [table, artifacts, npm] = process.argv.slice(2).map((x) => resolve(x));
const { keccak256 } = createRequire(join(npm, "node_modules", "x.js"))(
	"js-sha3",
);
const SELECTOR = 8; // digits; a topic is the whole hash
const types = new Map();
const abis = new Map();
let complaints = 0;
let rows = 0;

function complain(text) {
	console.error(text);
	complaints += 1;
}

// A parameter of an ABI as the table's types are after expand
function written(parameter) {
	const array = parameter.type.replace("tuple", "");
	const mark = parameter.indexed ? "*" : "";

	if (parameter.components === undefined) return parameter.type + mark;

	return `(${parameter.components.map(member).join(",")})${array}${mark}`;
}

function member(parameter) {
	return `${written(parameter)}:${parameter.name}`;
}

function list(parameters) {
	return `(${parameters.map(written).join(",")})`;
}

function abiOf(contract) {
	if (!abis.has(contract)) {
		const file = join(artifacts, `${contract}.json`);
		const entries = JSON.parse(readFileSync(file, "utf8")).abi;

		abis.set(contract, new Map(entries.map((e) => [keyOf(e), e])));
	}
	return abis.get(contract);
}

function keyOf(entry) {
	return `${entry.type} ${entry.name ?? ""}${list(entry.inputs ?? [])}`;
}

// Types that the table names, with the names of their members
function expand(text) {
	return text.replace(/(?<![:\w])[A-Z]\w*(?=[:,)*[]|$)/g, (name) =>
		types.has(name) ? `(${types.get(name)})` : name,
	);
}

// What is hashed: no names of members, no marks
function hashed(signature) {
	return keccak256(signature.replace(/:\w+|\*/g, ""));
}

function check(kind, hash, contract, signature, mutability, results) {
	const text = expand(signature.replace(/^\w+(?=\()/, ""));
	const name = signature.slice(0, signature.indexOf("("));
	const key = `${kind} ${name}${text}`;
	const entry = abiOf(contract).get(key);

	rows += 1;
	if (entry === undefined) {
		// no constructor is the one without arguments
		if (key !== "constructor ()")
			complain(`${contract}: no ${key}`);
		return;
	}
	abiOf(contract).delete(key);
	if (kind === "constructor") return;

	const found = hashed(name + text);
	const wanted = kind === "event" ? found : found.slice(0, SELECTOR);

	if (hash !== wanted) complain(`${key}: ${wanted}, not ${hash}`);
	if (kind !== "function") return;
	if (entry.stateMutability !== mutability)
		complain(`${key}: is ${entry.stateMutability}`);
	if (list(entry.outputs) !== expand(results))
		complain(`${key}: returns ${list(entry.outputs)}`);
}

for (const line of readFileSync(table, "utf8").split("\n")) {
	const fields = line.split(/\s+/).filter((field) => field !== "");

	if (fields.length === 0 || fields[0].startsWith("#")) continue;
	if (fields[0] === "type") types.set(fields[1], expand(fields[2]));
	else check(...fields);
}
for (const key of abiOf("Marketplace").keys())
	complain(`Marketplace: the table lacks ${key}`);

console.log(`${rows} rows of the ABI, ${complaints} complaints`);
process.exit(complaints === 0 ? 0 : 1);
