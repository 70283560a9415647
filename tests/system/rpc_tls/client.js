// SPDX-License-Identifier: Apache-2.0
// What the stock gRPC client of Node.js sees of stekd over mutual TLS. node_test.py runs it.
//
//   node client.js MODULES PROTO_FOLDER HOST:PORT CA FRONTEND_CERT FRONTEND_KEY OPERATOR_CERT OPERATOR_KEY
//
// Prints what it has seen as one line of JSON; a failure ends it with its reason and exit 1.
'use strict';

const fs = require('fs');
const path = require('path');
const {createRequire} = require('module');

const [modules, protos, address, ca, feCert, feKey, opCert, opKey] = process.argv.slice(2);
const load = createRequire(path.resolve(modules, 'package.json'));
const grpc = load('@grpc/grpc-js');
const loader = load('@grpc/proto-loader');

const definition = loader.loadSync(
    ['stek/v1/keys.proto', 'stek/v1/admin.proto', 'grpc/health/v1/health.proto'],
    {includeDirs: [protos], keepCase: true, longs: Number, oneofs: true});
const packages = grpc.loadPackageDefinition(definition);

function credentials(cert, key) {
    return grpc.credentials.createSsl(fs.readFileSync(ca), fs.readFileSync(key),
        fs.readFileSync(cert));
}

const frontend = credentials(feCert, feKey);
const operator = credentials(opCert, opKey);
const keys = new packages.stek.v1.KeyService(address, frontend);
const health = new packages.grpc.health.v1.Health(address, frontend);
const admin = new packages.stek.v1.AdminService(address, operator);

function ask(client, method, request) {
    return new Promise((resolve, reject) => {
        client[method](request, {deadline: Date.now() + 10000},
            (error, reply) => (error ? reject(error) : resolve(reply)));
    });
}

async function refusal(client, method, request) {
    try {
        await ask(client, method, request);
    } catch (error) {
        return {code: grpc.status[error.code], details: error.details};
    }
    throw new Error(`${method} was not refused`);
}

// Until probe() gives something; what is waited for comes by itself or not at all.
async function until(what, probe) {
    const end = Date.now() + 20000;
    for (;;) {
        const value = await probe();
        if (value) {
            return value;
        }
        if (Date.now() > end) {
            throw new Error(`waited in vain: ${what}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
}

async function encrypting() {
    const list = (await ask(admin, 'ListKeys', {realm: 'web'})).keys;
    const active = list.find((key) => key.encrypting);
    return active && list.length >= 2 ? active.name : null;
}

async function main() {
    const seen = {};
    await until('stekd serves',
        async () => (await ask(health, 'Check', {service: ''})).status === 'SERVING' ||
            (await ask(health, 'Check', {service: ''})).status === 1);
    const old = await until('a key encrypts and one is ahead', encrypting);

    const watch = keys.WatchKeyring();
    const snapshots = [];
    let beats = 0;
    watch.on('data', (reply) => {
        if (reply.snapshot) {
            snapshots.push(reply.snapshot);
        } else {
            beats += 1;
        }
    });
    watch.on('error', () => {});
    watch.write({open: {realm: 'web', frontend: 'node', library_version: 'grpc-js'}});
    await until('the first snapshot', () => snapshots.length >= 1);
    const ring = (await ask(keys, 'GetKeyring', {realm: 'web', frontend: 'node'})).snapshot;
    seen.same_ring = ring.digest.equals(snapshots[0].digest);
    seen.keys = ring.keyring.keys.length;
    seen.key_bytes = ring.keyring.keys.map((key) => key.key.length);
    watch.write({ack: {digest: snapshots[0].digest, counters: {issued: 5}}});

    const rotated = await ask(admin, 'Rotate', {realm: 'web', retire: old, reason: 'by node'});
    await until('the second snapshot', () => snapshots.length >= 2);
    seen.rotated = rotated.changed && snapshots[1].digest.equals(rotated.digest) &&
        !snapshots[1].digest.equals(snapshots[0].digest);
    watch.write({ack: {digest: snapshots[1].digest}});
    await until('the operator sees it installed', async () => {
        const realms = (await ask(admin, 'GetStatus', {})).realms;
        return realms.find((realm) => realm.realm === 'web').watchers_current === 1;
    });
    await until('heartbeats', () => beats >= 2);
    seen.errors = [
        await refusal(keys, 'GetKeyring', {realm: 'mail'}),
        await refusal(keys, 'GetKeyring', {realm: '../etc'}),
        await refusal(admin, 'ListKeys', {realm: 'none'}),
        await refusal(health, 'Check', {service: 'none'}),
    ];
    const bare = new packages.grpc.health.v1.Health(address,
        grpc.credentials.createSsl(fs.readFileSync(ca)));
    seen.bare = await refusal(bare, 'Check', {service: ''});
    bare.close();
    watch.cancel();
    [keys, health, admin].forEach((client) => client.close());
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
