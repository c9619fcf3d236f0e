// SPDX-License-Identifier: Apache-2.0
// The steps of ../README.md with nats.js; the first argument names the package: nats (version 2) or
// @nats-io/transport-node (version 3), which offer the same calls.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const WAIT = 10000;
const { values, positionals } = parseArgs({
        allowPositionals: true,
        options: {
                ca: { type: "string" },
                cert: { type: "string" },
                key: { type: "string" },
                nkey: { type: "string" },
                stay: { type: "boolean", default: false },
                "tls-first": { type: "boolean", default: false },
        },
});
const [library, url] = positionals;
const { connect, headers, nkeyAuthenticator } = await import(library);
const text = (bytes) => new TextDecoder().decode(bytes);

function check(condition, why) {
        if (!condition)
                throw new Error(why);
}

// The first n messages; what comes later is ignored.
async function take(sub, n) {
        const got = [];
        for await (const msg of sub) {
                got.push(msg);
                if (got.length === n)
                        break;
        }
        check(got.length === n, `${got.length} of ${n} messages`);
        return got;
}

function login() {
        // nats.js takes credentials as options only.
        const { username, password, host, protocol } = new URL(url);
        const options = { servers: `${protocol}//${host}`, timeout: WAIT };
        if (password)
                Object.assign(options, { user: username, pass: password });
        else if (username)
                options.token = username;
        if (url.startsWith("tls:")) {
                options.tls = { caFile: values.ca, handshakeFirst: values["tls-first"] };
                if (values.cert) {
                        options.tls.certFile = values.cert;
                        options.tls.keyFile = values.key;
                }
        }
        if (values.nkey)
                options.authenticator = nkeyAuthenticator(readFileSync(values.nkey));
        return options;
}

// nats.js tells of one reconnection as often as it tried, so the number of the connection counts.
async function tellReconnects(nc) {
        let known = nc.info.client_id;
        for await (const status of nc.status()) {
                if (status.type !== "reconnect" || nc.info.client_id === known)
                        continue;
                known = nc.info.client_id;
                await nc.flush();
                console.log("ok again");
        }
}

async function stay() {
        const nc = await connect({
                ...login(),
                maxReconnectAttempts: -1,
                reconnectTimeWait: 100,
                reconnectJitter: 0,
                reconnectJitterTLS: 0,
                ignoreAuthErrorAbort: true,
                // Over TLS it waits so long for the answer of a server that has closed.
                timeout: WAIT / 5,
        });
        const sub = nc.subscribe("interop.stay");
        tellReconnects(nc);
        await nc.flush();
        console.log("ok up");
        for await (const msg of sub) {
                console.log(`ok message ${text(msg.data)}`);
                if (text(msg.data) === "end")
                        return nc.drain();
        }
        throw new Error("closed");
}

let nc;
const steps = {
        async connect() {
                nc = await connect({ ...login(), reconnect: false });
                await nc.flush();
        },
        async pubsub() {
                const sub = nc.subscribe("interop.a.*");
                nc.publish("interop.a.one", "hello");
                const [msg] = await take(sub, 1);
                check(msg.subject === "interop.a.one" && text(msg.data) === "hello", "other subject or payload");
        },
        async headers() {
                const sub = nc.subscribe("interop.h");
                const h = headers();
                h.append("X-Interop", "one");
                h.append("X-Interop", "two");
                nc.publish("interop.h", undefined, { headers: h });
                const [msg] = await take(sub, 1);
                check(msg.headers.values("X-Interop").join() === "one,two", "other header values");
                check(msg.data.length === 0, "a payload from nowhere");
        },
        async request() {
                const service = nc.subscribe("interop.service", {
                        callback: (_, msg) => msg.respond("answer"),
                });
                const reply = await nc.request("interop.service", "question", { timeout: WAIT });
                check(text(reply.data) === "answer", "other answer");
                service.unsubscribe();
        },
        async no_responders() {
                try {
                        await nc.request("interop.nobody", "?", { timeout: WAIT });
                } catch (err) {
                        const known = err.code === "503" || /no responders/i.test(err.message);
                        check(known, `other error: ${err.message}`);
                        return;
                }
                throw new Error("somebody answered");
        },
        async queue() {
                const counts = [0, 0, 0];
                const count = (i) => ({ callback: () => { counts[i]++; } });
                const subs = [
                        nc.subscribe("interop.q", { queue: "workers", ...count(0) }),
                        nc.subscribe("interop.q", { queue: "workers", ...count(1) }),
                        nc.subscribe("interop.q", count(2)),
                ];
                for (let i = 0; i < 20; i++)
                        nc.publish("interop.q", "work");
                await nc.flush();
                check(counts[0] + counts[1] === 20 && counts[2] === 20, `counts ${counts}`);
                subs.forEach((sub) => sub.unsubscribe());
        },
        async unsubscribe() {
                let got = 0;
                const sub = nc.subscribe("interop.u", { max: 3, callback: () => { got++; } });
                for (let i = 0; i < 5; i++)
                        nc.publish("interop.u", "x");
                await nc.flush();
                check(got === 3, `${got} of 3 messages`);
                check(sub.isClosed(), "still subscribed");
        },
        async large() {
                const data = Uint8Array.from({ length: 900000 }, (_, i) => (i * 31) % 251);
                const sub = nc.subscribe("interop.large");
                nc.publish("interop.large", data);
                const [msg] = await take(sub, 1);
                check(Buffer.compare(msg.data, data) === 0, "changed on the way");
        },
        async burst() {
                const sub = nc.subscribe("interop.burst");
                for (let i = 0; i < 10000; i++)
                        nc.publish("interop.burst", String(i));
                const got = await take(sub, 10000);
                got.forEach((msg, i) => check(text(msg.data) === String(i), `message ${i} out of order`));
        },
        async drain() {
                let got = 0;
                nc.subscribe("interop.drain", { callback: () => { got++; } });
                for (let i = 0; i < 100; i++)
                        nc.publish("interop.drain", "x");
                await nc.drain();
                check(nc.isClosed(), "never closed");
                check(got === 100, `${got} of 100 messages`);
        },
};

if (values.stay) {
        try {
                await stay();
        } catch (err) {
                console.log(`not ok stay: ${err.message.split("\n")[0]}`);
                process.exit(1);
        }
        process.exit(0);
}

for (const [name, step] of Object.entries(steps)) {
        let timer;
        const limit = new Promise((_, reject) => {
                timer = setTimeout(() => reject(new Error("not done in time")), 3 * WAIT);
        });
        try {
                await Promise.race([step(), limit]);
        } catch (err) {
                console.log(`not ok ${name}: ${err.message.split("\n")[0]}`);
                process.exit(1);
        }
        clearTimeout(timer);
        console.log(`ok ${name}`);
}
process.exit(0);
