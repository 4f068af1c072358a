// npm's oidc-provider with its own pages, for one client; says where it listens on standard output.
// node provider.mjs MODULE REDIRECT_URI SECRET
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [, , module, redirectUri, secret] = process.argv;
const { Provider } = await import(pathToFileURL(module).href);

const signing = (kid) => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  alg: 'RS256',
});

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'bloop',
      client_secret: secret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  cookies: { keys: ['a key of the tests'] },
  jwks: { keys: [signing('first'), signing('second')] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of Node`,
      email: `${id}@example.edu`,
      email_verified: !id.startsWith('unverified'),
    }),
  }),
});

server.on('request', provider.callback());
console.log(issuer);
