/**
 * Real PostgreSQL for two regions.
 *
 *   binaries.ts     where the server's binaries are, and which user runs them
 *   server.ts       starts and stops one server
 *   databases.ts    creates a primary and its standby, saves both, restores them
 *   schema.ts       roles, tables, settings
 *   client.ts       one connection to a database
 *   lag-profile.ts  replay delay in episodes, as seen in production
 */
export { type Binaries, findBinaries, type RunAs } from './binaries.ts';
export { connectTo, withClient } from './client.ts';
export { createDatabases, type Databases, followWhenStarted } from './databases.ts';
export { type LagProfile, type LagProfileName, startLagProfile } from './lag-profile.ts';
export { applicationRole, replicationRole } from './schema.ts';
export { postmasterPid, startServer, stopServer } from './server.ts';
