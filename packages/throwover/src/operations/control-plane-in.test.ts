import { expect, test } from 'vitest';
import { wholeFile } from '../service/service.fixture.ts';
import { parseService } from '../service/service.ts';
import { controlPlaneIn } from './control-plane-in.ts';

const traffic = (text: string) =>
  wholeFile.replace(/traffic:\n[\s\S]*?\nfunctions:/, `traffic:\n${text}\nfunctions:`);
const record = '  name: checkout.example.test\n  type: A\n  ttl: 60s';
const inRegions = (text: string) => {
  const service = parseService(text, 'throwover.yaml');
  return { east: controlPlaneIn(service, 'east'), west: controlPlaneIn(service, 'west') };
};

test("Route 53's control plane stands in us-east-1, and so in the region that is there (A6)", () => {
  const aws = wholeFile.replace('  endpoint: http://127.0.0.1:7620\n', '');
  expect(inRegions(aws)).toEqual({ east: ["Route 53's control plane (us-east-1)"], west: [] });
  expect(inRegions(wholeFile)).toEqual({ east: [], west: [] });
  const elsewhere = aws.replace(
    'addresses: [127.0.1.1]',
    'addresses: [127.0.1.1]\n    cloudRegion: eu-west-1',
  );
  expect(inRegions(elsewhere)).toEqual({ east: [], west: [] });
});

test('the store and a notifier, by their address and by where they are said to stand', () => {
  const store = 'store: { url: http://127.0.3.1:7610 }';
  const atEast = wholeFile.replace(store, 'store: { url: http://127.0.1.1:7610 }');
  expect(inRegions(atEast)).toEqual({ east: ['the store'], west: [] });
  const said = wholeFile.replace(store, 'store: { url: http://127.0.3.1:7610, standsIn: west }');
  expect(inRegions(said)).toEqual({ east: [], west: ['the store'] });
  const notifier = `${wholeFile}notify: { webhooks: [{ url: https://hooks.example.com/x, standsIn: us-west-2 }] }\n`;
  expect(inRegions(notifier)).toEqual({
    east: [],
    west: ['the notifier https://hooks.example.com (us-west-2)'],
  });
});

test('ARC needs no region while it has endpoints in several', () => {
  const endpoint = (awsRegion: string) =>
    `{ url: https://one.${awsRegion}.routing-control.amazonaws.com/v1, awsRegion: ${awsRegion} }`;
  const arn = (region: string) =>
    `arn:aws:route53-recovery-control::111122223333:controlpanel/1/routingcontrol/${region}`;
  const arc = (...regions: string[]) =>
    traffic(
      `  provider: arc\n  endpoints: [${regions.map(endpoint).join(', ')}]\n  controls: { east: '${arn('east')}', west: '${arn('west')}' }\n${record}`,
    );
  expect(inRegions(arc('us-east-1', 'eu-west-1'))).toEqual({ east: [], west: [] });
  expect(inRegions(arc('us-east-1'))).toEqual({
    east: ['every endpoint of ARC (us-east-1)'],
    west: [],
  });
});

test('a primary name server, or an HTTP provider, at an address of the region', () => {
  const key = '  key: { name: throwover, secret: env:TSIG }';
  const rfc2136 = traffic(
    `  provider: rfc2136\n  server: 127.0.2.1:53\n  zone: example.test\n${key}\n${record}`,
  );
  expect(inRegions(rfc2136)).toEqual({ east: [], west: ['the primary name server'] });
  const http = traffic(`  provider: http\n  url: http://127.0.1.1:8080/record\n${record}`);
  expect(inRegions(http)).toEqual({ east: ['the DNS provider'], west: [] });
});
