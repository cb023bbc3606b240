/**
 * The SSH library, loaded when the first such host is met: it costs 60 ms. It is one object, of which Node makes only some parts names that could be imported.
 */
export const ssh2 = async () => (await import("ssh2")).default;
