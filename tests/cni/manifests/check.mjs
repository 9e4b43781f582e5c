// Kubernetes' objects against its published schemas, a job of Nomad's by HashiCorp's own reader of HCL: "ok NAME" lines.
// usage: check.mjs MODULES kubernetes FILE.json (a list of objects) | nomad FILE.hcl
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, kind, path] = process.argv.slice(2);
const require = createRequire(modules + "/");
const say = (good, name, why) => console.log(good ? `ok ${name}` : `not ok ${name} - ${why}`);

async function kubernetes(objects) {
	for (const object of objects) {
		const name = `${object.kind} ${object.metadata.name}`;
		const [group, version] = object.apiVersion.includes("/") ? object.apiVersion.split("/") : ["", object.apiVersion];
		const models = group === "cilium.io" ? "@kubernetes-models/cilium" : "kubernetes-models";
		const where = `${modules}/${models}/${group && group + "/"}${version}/index.js`;
		try {
			const model = await import(where);
			new model[object.kind](object).validate();
			say(true, name);
		} catch (error) {
			say(false, name, String(error.message).replaceAll("\n", " "));
		}
	}
}

async function nomad(text) {
	const { parse } = require("@cdktf/hcl2json");
	const file = await parse("job.hcl", text);
	const group = file.job?.install?.[0]?.group?.pip?.[0];
	say(group?.network?.[0]?.mode === "cni/sandboxed", "nomad: the group is in the network", JSON.stringify(group));
	say(group?.network?.[0]?.cni?.[0]?.args?.MSB_POLICY === "python.msb", "nomad: and names its policy", JSON.stringify(group));
	say(group?.task?.pip?.[0]?.driver === "docker", "nomad: its task", JSON.stringify(group));
}

const text = readFileSync(path, "utf8");
await (kind === "nomad" ? nomad(text) : kubernetes(JSON.parse(text)));
