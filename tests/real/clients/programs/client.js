// A session of node-zookeeper-client: prints what it was told, and nothing that varies.
'use strict';

const { CreateMode, ACL, Id, Permission, State, createClient } = require('node-zookeeper-client');

const PATIENCE_MS = 60000;
const [servers, root] = process.argv.slice(2);
const say = (...words) => console.log(...words);

// Calls a method that takes a callback last; gives what the callback was given, or the name of the refusal.
const ask = (client, method, ...given) =>
  new Promise((resolve) => {
    client[method](...given, (error, ...answer) => resolve(error ? [error.name] : answer));
  });

// The next event of some emitter.
const once = (emitter, event) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} came`)), PATIENCE_MS);
    emitter.once(event, (...told) => {
      clearTimeout(timer);
      resolve(told);
    });
  });

// A watcher and the promise of its event.
const watch = () => {
  let tell;
  const event = new Promise((resolve) => (tell = resolve));
  return [tell, event.then((told) => `${told.getName()} ${told.getPath()}`)];
};

const connect = async () => {
  const client = createClient(servers, { sessionTimeout: 15000, spinDelay: 500, retries: 5 });
  const connected = once(client, 'connected');
  client.connect();
  await connected;
  return client;
};

async function nodes(client) {
  const node = `${root}/node`;
  const text = ([data, stat]) => (stat ? `${data} version ${stat.version}` : data);
  say(await ask(client, 'create', root));
  say(await ask(client, 'create', node, Buffer.from('one')));
  say('again:', await ask(client, 'create', node));
  say(text(await ask(client, 'getData', node)));
  say('set: version', (await ask(client, 'setData', node, Buffer.from('zwei ä😀'), 0))[0].version);
  say('bad version:', await ask(client, 'setData', node, Buffer.from('x'), 0));
  say(text(await ask(client, 'getData', node)));
  say('missing:', await ask(client, 'getData', `${root}/missing`));
  say('exists:', await ask(client, 'exists', `${root}/missing`));
  for (let round = 0; round < 3; round++) {
    say(await ask(client, 'create', `${node}/s-`, null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
  }
  say(await ask(client, 'create', `${root}/ephemeral`, Buffer.from('mine'), CreateMode.EPHEMERAL));
  const [stat] = await ask(client, 'exists', `${root}/ephemeral`);
  say('owned:', stat.ephemeralOwner.equals(client.getSessionId()));
  say('below:', await ask(client, 'create', `${root}/ephemeral/x`));
  say(await ask(client, 'create', `${root}/e-`, null, ACL.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
  const [children, parent] = await ask(client, 'getChildren', node);
  say(children.sort(), parent.numChildren);
  const large = Buffer.alloc(900000, 7);
  say('large:', (await ask(client, 'setData', node, large))[0].dataLength);
  say('equal:', large.equals((await ask(client, 'getData', node))[0]));
  say('not empty:', await ask(client, 'remove', node, -1));
  say(await ask(client, 'mkdirp', `${root}/a/b/c`));
}

async function multi(client) {
  const commit = async (transaction) => {
    const [error, results] = await new Promise((resolve) => transaction.commit((...told) => resolve(told)));
    say('multi:', error ? error.name : 'done', (results || []).map(({ type, err, path }) => [type, err, path]));
  };
  await commit(
    client.transaction().check(root, -1)
      .create(`${root}/multi`, Buffer.from('m'), ACL.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL)
      .setData(`${root}/multi`, Buffer.from('n'), 0)
      .remove(`${root}/node/s-0000000001`, -1));
  await commit(client.transaction().setData(`${root}/multi`, Buffer.from('o')).check(`${root}/multi`, 77)
    .remove(`${root}/multi`));
}

async function watches(client) {
  const [created, creation] = watch();
  say('exists:', await ask(client, 'exists', `${root}/watched`, created));
  await ask(client, 'create', `${root}/watched`);
  say(await creation);
  const [changed, change] = watch();
  await ask(client, 'getData', `${root}/watched`, changed);
  await ask(client, 'setData', `${root}/watched`, Buffer.from('x'));
  say(await change);
  const [grown, growth] = watch();
  await ask(client, 'getChildren', `${root}/watched`, grown);
  await ask(client, 'create', `${root}/watched/child`);
  say(await growth);
}

async function auth(client) {
  client.addAuthInfo('digest', Buffer.from('alice:secret'));
  const own = [new ACL(Permission.ALL, new Id('auth', ''))];
  say(await ask(client, 'create', `${root}/private`, Buffer.from('p'), own));
  const [acls] = await ask(client, 'getACL', `${root}/private`);
  say(acls.map((acl) => acl.toString()));
  const stranger = await connect();
  say('a stranger reads:', await ask(stranger, 'getData', `${root}/private`));
  stranger.addAuthInfo('digest', Buffer.from('alice:secret'));
  say('with the password:', String((await ask(stranger, 'getData', `${root}/private`))[0]));
  const gone = once(stranger, 'disconnected');
  stranger.close();
  await gone;
}

async function cut(client) {
  const session = client.getSessionId().toString('hex');
  const [fired, firing] = watch();
  await ask(client, 'getData', `${root}/watched`, fired);
  const lost = once(client, 'disconnected');
  say('#cut');
  await lost;
  if (client.getState() !== State.SYNC_CONNECTED) await once(client, 'connected');
  say('the same session:', client.getSessionId().toString('hex') === session);
  say('ephemeral node:', String((await ask(client, 'getData', `${root}/ephemeral`))[0]));
  say('private:', String((await ask(client, 'getData', `${root}/private`))[0]));
  await ask(client, 'setData', `${root}/watched`, Buffer.from('y'));
  say('watch from before the cut:', await firing);
}

async function main() {
  let client = await connect();
  await nodes(client);
  await multi(client);
  await watches(client);
  await auth(client);
  await cut(client);
  const closed = once(client, 'disconnected');
  client.close();
  await closed;
  say('closed');
  client = await connect();
  say('gone with its session:', await ask(client, 'exists', `${root}/ephemeral`));
  client.close();
}

main().catch((error) => {
  say('failed:', error);
  process.exit(1);
});
