// A client written by others, unmodified, against a double: it queries orders, sets inventory, and
// checks the signatures of the double's webhooks. Prints one JSON object of what it saw.
//
// The library speaks to https://{shop}.myshopify.com only. Its adapter for a runtime says how a
// request is sent, so this file is such an adapter: it sends the library's requests to the double.
import '@shopify/shopify-api/adapters/node';
import { setAbstractFetchFunc } from '@shopify/shopify-api/runtime';
import { LogSeverity, Session, shopifyApi } from '@shopify/shopify-api';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';

const sandbox = process.argv[2];
const version = '2026-10';

// Ids exceed what a number of this language holds, so they are kept as text.
const exact = (text) => JSON.parse(text.replace(/([:,[]\s*)(\d{16,})/g, '$1"$2"'));
const control = async (path, body) => {
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await fetch(`${sandbox}/control/${path}`, { method, body });
  const value = exact(await answer.text());
  if (!answer.ok) throw new Error(`${path}: ${value.error}`);
  return value;
};
const shop = (await control('shops'))[0];
// Searches find a change at once, so that one question is enough.
await control(`shops/${shop.name}`, '{"do":"timings","search_lag":{"secs":0,"nanos":0}}');

setAbstractFetchFunc((url, options) => {
  const asked = new URL(url);
  if (asked.protocol !== 'https:' || asked.host !== shop.domain) {
    throw new Error(`the client asks ${asked.host}`);
  }
  return fetch(`${sandbox}${shop.base_path}${asked.pathname}${asked.search}`, options);
});
const api = shopifyApi({
  apiKey: shop.client_id,
  apiSecretKey: shop.webhook_secret,
  apiVersion: version,
  hostName: 'localhost',
  isEmbeddedApp: false,
  logger: { level: LogSeverity.Error, log: (_, text) => process.stderr.write(`${text}\n`) },
});
const session = new Session({
  id: 'judge',
  shop: shop.domain,
  state: '',
  isOnline: false,
  accessToken: shop.access_token,
});
const client = new api.clients.Graphql({ session });
const ask = async (query, variables) => (await client.request(query, { variables })).data;

const gid = (kind, id) => `gid://shopify/${kind}/${id}`;
const [variant] = shop.variants;
const [location] = shop.locations;
const level = { inventoryItemId: gid('InventoryItem', variant.item), locationId: gid('Location', location.id) };

const SET = `mutation($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { changes { name delta quantityAfterChange } }
    userErrors { code field message } } }`;
const set = async (quantity, changeFromQuantity, key = randomUUID()) => {
  const row = { ...level, quantity, changeFromQuantity };
  const input = { name: 'on_hand', reason: 'correction', quantities: [row] };
  return (await ask(SET, { input, key })).inventorySetQuantities;
};

// Webhooks arrive here; what the library says of each is kept.
const verdicts = [];
const listener = createServer(async (rawRequest, rawResponse) => {
  const chunks = [];
  for await (const chunk of rawRequest) chunks.push(chunk);
  const rawBody = Buffer.concat(chunks).toString('utf8');
  const judge = (body) => api.webhooks.validate({ rawBody: body, rawRequest, rawResponse });
  const verdict = await judge(rawBody);
  const tampered = await judge(rawBody.replace('"test":false', '"test":true '));
  const id = exact(rawBody).id;
  verdicts.push({ ...verdict, id, accepts_tampered: tampered.valid });
  rawResponse.writeHead(200).end();
  listener.emit('webhook');
});
listener.listen(0, '127.0.0.1');
await once(listener, 'listening');

const key = randomUUID();
const seen = { set: await set(40, 0, key) };
seen.set_again = await set(40, 0, key);
seen.set_stale = await set(50, 39);
const hook = await ask(
  `mutation($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
    webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) {
      webhookSubscription { id topic } userErrors { message } } }`,
  { topic: 'ORDERS_CREATE', sub: { uri: `http://127.0.0.1:${listener.address().port}/hook` } },
);
seen.subscribed = hook.webhookSubscriptionCreate;
const placed = once(listener, 'webhook', { signal: AbortSignal.timeout(30_000) });
const lines = `[{"variant":${variant.id},"units":3}]`;
const order = await control(`shops/${shop.name}`, `{"do":"place","lines":${lines}}`);
await placed;
seen.webhooks = verdicts;
seen.order = (
  await ask(
    `query($id: ID!) { order(id: $id) { id name displayFulfillmentStatus
      lineItems(first: 5) { nodes { sku quantity currentQuantity } } } }`,
    { id: gid('Order', order.id) },
  )
).order;
const PAGE = 'query($first: Int!, $after: String) { orders(first: $first, after: $after, sortKey: UPDATED_AT) { nodes { id } pageInfo { hasNextPage endCursor } } }';
seen.page = (await ask(PAGE, { first: 10 })).orders;
seen.level = (
  await ask(
    `query($item: ID!, $location: ID!) { inventoryItem(id: $item) {
      inventoryLevel(locationId: $location) {
        quantities(names: ["on_hand", "available", "committed"]) { name quantity } } } }`,
    { item: level.inventoryItemId, location: level.locationId },
  )
).inventoryItem.inventoryLevel.quantities;
// Where a merchant agrees: what the library says of the signed address that the browser ends at.
const consent = new URLSearchParams({
  client_id: shop.client_id,
  redirect_uri: 'https://app.example/back',
  scope: 'read_orders',
  state: '1795219200.ab-cd',
});
const page = `${sandbox}${shop.base_path}/admin/oauth/authorize?${consent}`;
const sent = await fetch(page, { redirect: 'manual' });
const back = Object.fromEntries(new URL(sent.headers.get('location')).searchParams);
const other = { ...back, shop: 'other.myshopify.com' };
const validate = (query) => api.utils.validateHmac(query);
seen.consent = { state: back.state, valid: await validate(back), accepts_tampered: await validate(other) };
process.stdout.write(`${JSON.stringify(seen)}\n`);
listener.close();
listener.closeAllConnections();
