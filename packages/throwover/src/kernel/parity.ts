/** The settings of one region, by name. */
interface Reported {
  readonly region: string;
  readonly parity: Readonly<Record<string, string>>;
}

/** Returns the settings in which two regions differ, each with both values; `null` if in none. */
export function parityDifferences(from: Reported, to: Reported) {
  const names = [...new Set([...Object.keys(from.parity), ...Object.keys(to.parity)])].sort();
  const differing = names.filter((name) => from.parity[name] !== to.parity[name]);
  if (differing.length === 0) return null;
  const both = (name: string) => ({
    [from.region]: from.parity[name],
    [to.region]: to.parity[name],
  });
  return {
    names: differing.join(', '),
    evidence: Object.fromEntries(differing.map((name) => [name, both(name)])),
  };
}
