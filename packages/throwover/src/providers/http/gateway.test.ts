import { headers as wire } from '@throwover/client';
import { systemClock } from '../../kernel/kernel.ts';
import { type GatewayUnderTest, gatewayConformance } from '../../webhooks/conformance.ts';
import {
  application,
  gatewayConfig,
  post,
  secret,
  stripeEvent,
  temporaryDirectory,
  until,
} from '../../webhooks/gateway.fixture.ts';
import { startGateway } from '../../webhooks/gateway.ts';
import { httpGateway } from './gateway.ts';

async function open(): Promise<GatewayUnderTest> {
  const directory = temporaryDirectory();
  const effects = { east: [] as string[], west: [] as string[] };
  let position = '';
  let blocked = async () => true;
  const at = (region: 'east' | 'west') =>
    application(async ({ id }) => {
      await until(blocked);
      effects[region].push(id);
      return { status: 200, headers: { [wire.position]: position } };
    });
  const [east, west] = [await at('east'), await at('west')];
  const start = async () => {
    const process = await startGateway(gatewayConfig(directory.path, east.url), {
      env: { STRIPE_SECRET: secret },
      log: () => {},
    });
    return { process, control: httpGateway({ region: 'east', url: process.adminUrl }) };
  };
  let now = await start();
  let runs = true;
  const lose = async () => {
    if (runs) await now.process.close();
    runs = false;
  };
  return {
    get gateway() {
      return now.control;
    },
    urls: { east: east.url, west: west.url },
    accept: async (id) => {
      const { status } = await post(`${now.process.url}/in/stripe`, stripeEvent(id));
      if (status !== 200) throw new Error(`${id} was answered ${status}`);
    },
    effects,
    get position() {
      return position;
    },
    set position(next) {
      position = next;
    },
    blockUntil: (holds) => {
      blocked = holds;
    },
    until,
    wallMs: () => systemClock.wallMs(),
    restart: async () => {
      await lose();
      now = await start();
      runs = true;
    },
    lose,
    end: async () => {
      await lose();
      await Promise.all([east.close(), west.close()]);
      directory.remove();
    },
  };
}

gatewayConformance('the gateway, over HTTP,', open);
