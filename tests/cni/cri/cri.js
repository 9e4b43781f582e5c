// One call of the container runtime interface. usage: cri.js PROTO SOCKET METHOD JSON; prints the answer as JSON
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [proto, socket, method, request] = process.argv.slice(2);
const { runtime } = grpc.loadPackageDefinition(loader.loadSync(proto, { keepCase: true, longs: Number, defaults: true }));
const client = new runtime.v1.RuntimeService(`unix://${socket}`, grpc.credentials.createInsecure());
client[method](JSON.parse(request), { deadline: Date.now() + 60000 }, (error, answer) => {
	client.close();
	if (error) {
		console.error(`cri.js: ${method}: ${error.details || error.message}`);
		process.exitCode = 1;
		return;
	}
	const text = (key, value) => (value && value.type === 'Buffer' ? Buffer.from(value.data).toString() : value);
	console.log(JSON.stringify(answer, text));
});
