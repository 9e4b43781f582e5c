"use strict";
/* What a flow typed in gets. Judges as the evaluator does: the first rule that matches, the lookup of a name before the
 * connection; tests/cli/report.sh holds it against `msb-policyc eval`. Without it the page shows all but that. */
(function () {
	var data = JSON.parse(document.getElementById("data").textContent);
	var EGRESS = 1, INGRESS = 2;
	var words = ["any", "dns", "public", "private", "loopback", "link-local", "meta", "multicast", "host"];
	var transports = { udp: 0, tcp: 1, dot: 2 };

	function number(hex) { return BigInt("0x" + hex); }
	var places = data.places.map(function (place) {
		return { family: place.family, name: place["class"], vetoes: place.vetoes, ranges: place.ranges.map(function (range) {
			return [number(range[0]), number(range[1])];
		}) };
	});
	var malformed = data.malformed.map(function (range) { return [number(range[0]), number(range[1])]; });

	/* ---- addresses and names ---- */

	function parseV4(text) {
		var match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text), value = 0n;
		for (var i = 1; match && i <= 4; i++) {
			if (match[i].length > 1 && match[i][0] === "0" || Number(match[i]) > 255)
				return null;
			value = value << 8n | BigInt(match[i]);
		}
		return match ? { family: 4, value: value } : null;
	}

	function groups(text) {
		return text === "" ? [] : text.split(":");
	}

	function parseV6(text) {
		var tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text), v4, halves, head, rest, all, value = 0n;
		if (tail) {
			v4 = parseV4(tail[2]);
			if (!v4)
				return null;
			text = tail[1] + (v4.value >> 16n).toString(16) + ":" + (v4.value & 0xffffn).toString(16);
		}
		halves = text.split("::");
		if (halves.length > 2)
			return null;
		head = groups(halves[0]);
		rest = halves.length === 2 ? groups(halves[1]) : [];
		if (halves.length === 2 ? head.length + rest.length > 7 : head.length !== 8)
			return null;
		all = head.concat(Array(8 - head.length - rest.length).fill("0"), rest);
		for (var i = 0; i < 8; i++) {
			if (!/^[0-9a-f]{1,4}$/i.test(all[i]))
				return null;
			value = value << 16n | number(all[i]);
		}
		/* an IPv4 address in IPv6's clothes is that */
		return value >> 32n === 0xffffn ? { family: 4, value: value & 0xffffffffn } : { family: 6, value: value };
	}

	function parseName(text) {
		var name = text.toLowerCase().replace(/\.$/, ""), labels = name.split("."), last = labels[labels.length - 1];
		if (/[^\x21-\x7e]/.test(name))
			throw "write the name as it is asked for: xn--…";
		if (name.length > 253 || /^(\d+|0x[0-9a-f]*)$/.test(last) || labels.some(function (label) {
			return !/^[a-z0-9_-]{1,63}$/.test(label);
		}))
			throw "“" + text + "” is no address and no name";
		return name;
	}

	function within(ranges, value) {
		return ranges.some(function (range) { return range[0] <= value && value <= range[1]; });
	}

	function placeOf(addr) {
		for (var i = 0; i < places.length; i++)
			if (places[i].family === addr.family && within(places[i].ranges, addr.value))
				return i;
		throw "no class of addresses has this one";
	}

	/* ---- verdicts, as eval/eval.c has them ---- */

	function takesName(rule, name) {
		return rule.names.some(function (pattern) {
			return name === pattern[0] || pattern[1] && name.endsWith("." + pattern[0]);
		});
	}

	function has(runs, place) {
		return within(runs, place);
	}

	function byRule(i) { return { allow: data.rules[i].allow, by: String(i + 1), rule: i }; }
	function byDefault(direction) { return { allow: direction === EGRESS ? data.egress : data.ingress, by: "default" }; }

	/* Some of what rules allow does not pass all the same */
	function unlessVetoed(verdict, veto) {
		return verdict.allow && veto ? { allow: false, by: veto } : verdict;
	}

	function judgeLookup(name, transport) {
		for (var i = 0; i < data.rules.length; i++) {
			var rule = data.rules[i];
			if (rule.directions & EGRESS && (takesName(rule, name) || rule.queries >> transports[transport] & 1))
				return unlessVetoed(byRule(i), data.transports[transports[transport]]);
		}
		return unlessVetoed(byDefault(EGRESS), data.transports[transports[transport]]);
	}

	function fits(rule, flow) {
		return rule.directions & flow.direction && (!rule.protos || rule.protos & flow.proto.bit) &&
			(!rule.ports.length || flow.proto.ports && within(rule.ports, flow.port));
	}

	function isRefused(flow, addr) {
		return flow.direction === EGRESS && (data.refused.some(function (refused) {
			return refused[0] === flow.proto.bit && flow.proto.ports && refused[1] === flow.port;
		}) || addr.family === 6 && within(malformed, addr.value) && (addr.value >> 56n & 0xffn) !== 0n);
	}

	function vetoOf(flow, place) {
		var index = !flow.proto.ports ? 4 : (flow.proto.bit === data.protos.udp.bit ? 2 : 0) + (flow.port === 53 ? 0 : 1);
		return flow.direction === EGRESS ? places[place].vetoes[index] : "";
	}

	/* QUIC would hide the server name that the rule judges over TCP */
	function hides(rule, flow, place, named) {
		return rule.hidden && flow.direction === EGRESS && flow.proto.bit === data.protos.udp.bit && flow.port === 443 &&
			!has(rule.places, place) && (!rule.allow || named);
	}

	function judgeConnection(flow, addr, bound) {
		var place = placeOf(addr), verdict = null;
		if (isRefused(flow, addr))
			return { allow: false, by: "refused" };
		for (var i = 0; i < data.rules.length && !verdict; i++) {
			var rule = data.rules[i], named = bound !== null && takesName(rule, bound) && has(rule.bound, place);
			if (hides(rule, flow, place, named))
				return { allow: false, by: "refused", rule: i };
			if (fits(rule, flow) && (has(rule.places, place) || named))
				verdict = byRule(i);
		}
		return unlessVetoed(verdict || byDefault(flow.direction), vetoOf(flow, place));
	}

	function known(pair) { return { family: pair[0], value: number(pair[1]) }; }

	function addressesOf(flow) {
		if (flow.name === data.hostName)
			return data.hostAddresses.map(known);
		var wants6 = flow.proto.bit === data.protos.icmpv6.bit || !data.active4;
		return (wants6 ? data.active6 : data.active4) ? [known(wants6 ? data.some6 : data.some4)] : [];
	}

	function judgeName(flow) {
		var lookup = judgeLookup(flow.name, "udp"), addresses = addressesOf(flow), first = null;
		if (flow.direction === EGRESS && !lookup.allow)
			return Object.assign({ lookup: lookup, step: "its lookup is" }, lookup);
		if (!addresses.length && flow.direction === EGRESS)
			return { allow: false, by: "reserved", lookup: lookup };
		if (!addresses.length)
			addresses = [known(data.some4)];
		for (var i = 0; i < addresses.length; i++) {
			var verdict = judgeConnection(flow, addresses[i], lookup.allow ? flow.name : null);
			if (!i || verdict.allow)
				first = verdict;
			if (verdict.allow)
				break;
		}
		return Object.assign({ lookup: flow.direction === EGRESS ? lookup : null }, first);
	}

	/* ---- what is typed ---- */

	function splitTarget(text) {
		var match = /^\[([^\]]*)\](?::(.*))?$/.exec(text);
		if (match)
			return { target: match[1], bracketed: true, rest: match[2] };
		if (text.split(":").length > 3 || /::/.test(text))
			return { target: text, bracketed: true };
		match = /^([^:]*)(?::(.*))?$/.exec(text);
		return { target: match[1], bracketed: false, rest: match[2] };
	}

	function readTarget(flow, parts) {
		var addr = parts.bracketed ? parseV6(parts.target) : parseV4(parts.target);
		if (parts.bracketed && !addr)
			throw "no IPv6 address";
		if (!addr && words.indexOf(parts.target.toLowerCase()) >= 0)
			throw "“" + parts.target + "” is many addresses: type one of them";
		if (addr)
			flow.addr = addr;
		else
			flow.name = parseName(parts.target);
	}

	/* egress@github.com:tcp:443, dns@github.com; or a target alone, for which the fields beside say the rest */
	function readFlow(text, fields) {
		var match = /^(?:(egress|ingress|dns)@)?(\S+)$/.exec(text.trim()), parts, rest;
		var url = /^[a-z]+:\/\/([^\/:?#\s]+)/i.exec(text.trim());
		if (url)
			throw "write the name alone: " + url[1];
		if (!match)
			throw "write an address, a name, or a flow: egress@github.com:tcp:443";
		parts = splitTarget(match[2]);
		rest = parts.rest === undefined ? [] : parts.rest.split(":");
		if (match[1] === "dns")
			return readLookup(parts, rest);
		var flow = { direction: (match[1] || fields.direction) === "ingress" ? INGRESS : EGRESS };
		var proto = rest.length ? rest[0] : fields.proto;
		flow.proto = Object.hasOwn(data.protos, proto) ? data.protos[proto] : null;
		if (!flow.proto)
			throw "“" + proto + "” is no protocol: tcp, udp, icmpv4, icmpv6";
		var port = rest.length ? rest[1] : flow.proto.ports ? fields.port : undefined;
		if (rest.length > 2 || flow.proto.ports !== (port !== undefined))
			throw flow.proto.ports ? "a flow of " + proto + " has one port" : proto + " has no ports";
		if (flow.proto.ports && (!/^\d{1,5}$/.test(port) || Number(port) > 65535))
			throw "“" + port + "” is no port";
		flow.port = Number(port);
		readTarget(flow, parts);
		return flow;
	}

	function readLookup(parts, rest) {
		var transport = rest.length ? rest[0] : "udp";
		if (rest.length > 1 || !Object.hasOwn(transports, transport))
			throw "a lookup is dns@NAME, perhaps with :udp, :tcp or :dot";
		return { lookupOf: parseName(parts.target), transport: transport };
	}

	function judge(flow) {
		if (flow.lookupOf !== undefined)
			return judgeLookup(flow.lookupOf, flow.transport);
		if (flow.name !== undefined)
			return judgeName(flow);
		return Object.assign({ place: placeOf(flow.addr) }, judgeConnection(flow, flow.addr, null));
	}

	function isPublished(flow) {
		return data.published.some(function (published) {
			return published[0] === flow.proto.bit && published[1] === flow.port;
		});
	}

	/* ---- what is shown ---- */

	function element(tag, className, text) {
		var made = document.createElement(tag);
		if (className)
			made.className = className;
		if (text !== undefined)
			made.textContent = text;
		return made;
	}

	var reasons = { "default": "no rule matches: the default decides", floor: "the floor does not let it pass",
			refused: "refused whatever the rules say", reserved: "there is no address to connect to" };

	function explain(verdict) {
		var cell = element("span");
		if (verdict.lookup && verdict.step)
			cell.append("its lookup: ");
		if (verdict.rule === undefined) {
			cell.append(reasons[verdict.by]);
		} else {
			var link = element("a", "", "rule " + (verdict.rule + 1));
			link.href = "#rule-" + (verdict.rule + 1);
			if (verdict.by === "refused")
				cell.append("refused: QUIC would hide the server name that this judges: ");
			cell.append(link, " ", element("code", "", data.rules[verdict.rule].text));
		}
		if (verdict.place !== undefined)
			cell.append(" ", element("span", "tag", places[verdict.place].name));
		return cell;
	}

	function answerRow(text, fields) {
		var row = element("li"), flow, verdict;
		try {
			flow = readFlow(text, fields);
			verdict = judge(flow);
		} catch (why) {
			row.append(element("span", "verdict unknown", "?"), " ", element("code", "", text), " ",
				   element("span", "", typeof why === "string" ? why : "not understood"));
			return row;
		}
		row.dataset.verdict = verdict.allow ? "allow" : "deny";
		row.dataset.by = verdict.by;
		row.append(element("span", "verdict " + (verdict.allow ? "all" : "none"), row.dataset.verdict), " ",
			   element("code", "", text), " ", explain(verdict));
		if (flow.direction === INGRESS && verdict.allow && !isPublished(flow))
			row.append(" but that port is not published, so nobody gets to it");
		return row;
	}

	var form = document.getElementById("try"), answers = document.getElementById("answers");

	function answer() {
		var fields = { direction: form.elements.direction.value, proto: form.elements.proto.value,
			       port: form.elements.port.value.trim() };
		var lines = form.elements.flows.value.split("\n").filter(function (line) { return line.trim() !== ""; });
		form.elements.port.disabled = !data.protos[fields.proto].ports;
		answers.replaceChildren.apply(answers, lines.map(function (line) { return answerRow(line, fields); }));
	}

	form.addEventListener("input", answer);
	form.addEventListener("submit", function (event) { event.preventDefault(); answer(); });
	document.getElementById("asking").hidden = false;
	/* policy.html#try=egress@github.com:tcp:443 asks that; a line each, %0A between them */
	if (location.hash.startsWith("#try="))
		form.elements.flows.value = decodeURIComponent(location.hash.slice(5));
	answer();
})();
