import { utils } from "ssh2";

/** Of the public half: its type and its 32 bytes, each behind its length. */
const publicBytes = 4 + "ssh-ed25519".length + 4 + 32;

/** A new Ed25519 key pair in OpenSSH's form. ssh2 loses the zeros that a public key begins with, one key in 256, and OpenSSH reads no such key: another one is made then. */
export function makeKeyPair(passphrase?: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = utils.generateKeyPairSync(
      "ed25519",
      passphrase === undefined ? {} : { passphrase, cipher: "aes256-cbc", rounds: 16 },
    );
    const [, body = ""] = pair.public.split(" ");
    if (Buffer.from(body, "base64").length === publicBytes) return pair;
  }
}
