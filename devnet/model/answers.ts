import { modelName, type ModelName } from "../../schema/units.js";

/** What a tiny model knows by heart. The generator writes it into weights; nothing else reads it at run time. */
export interface TinyModelText {
  /** The network's exact name of the model. */
  readonly name: ModelName;
  /** The topic whose word comes last in a prompt (or in the conversation so far) is answered. At most 15. */
  readonly topics: readonly Topic[];
  /** The answer to a prompt without any word of a topic. */
  readonly otherwise: string;
  /** Words that begin with a topic's word and must not be taken for it. */
  readonly ignoredWords: readonly string[];
}

/** Words that call for an answer, and the answer. Letters only; the same answer for all of them, small or capital. */
export interface Topic {
  readonly words: readonly string[];
  readonly answer: string;
}

const small = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
small.push("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen");
const tens = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/** An English number word below one thousand, without spaces: `two-hundred-and-seven`. */
function numberWord(n: number): string {
  if (n < 20) return small[n] ?? "";
  if (n < 100) return [tens[Math.floor(n / 10)], small[n % 10]].filter(Boolean).join("-");
  return [`${small[Math.floor(n / 100)] ?? ""}-hundred`, n % 100 === 0 ? "" : `and-${numberWord(n % 100)}`]
    .filter(Boolean)
    .join("-");
}

/** An answer of several hundred tokens, for whoever wants to be there while one is still being streamed. */
const count = (first: string, upTo: number, last: string): string =>
  [first, ...Array.from({ length: upTo }, (_, i) => `${numberWord(i + 1)},`), last].join(" ");

const ignoredWords = [
  "start",
  "search",
  "season",
  "seat",
  "second",
  "country",
  "county",
  "counter",
  "moonlight",
  "coincidence",
];

/** A model that answers in small verses. */
const poet: TinyModelText = {
  name: modelName("tiny-poet:1b"),
  topics: [
    {
      words: ["star", "sky"],
      answer:
        "Light travels far\nand asks nothing in return.\nWhat you see overhead tonight left home before you were born,\ncrossed a silence no clock can measure,\nand ends its journey, quietly, in your eye.",
    },
    {
      words: ["river", "water"],
      answer:
        "Rivers remember the heights they left.\nThey carry pebbles for a while,\ngrind them to sand, give every grain away,\nand arrive with empty hands\nat a shore that has been waiting since the first rain fell.",
    },
    {
      words: ["sea", "ocean", "ship"],
      answer:
        "Twice a day the tide comes in to read the beach,\nand twice it wipes the page.\nSailors trust what sinks and rises,\nnot what stays: an anchor is only patience\nthat a blacksmith forged out of iron.",
    },
    {
      words: ["mountain", "stone"],
      answer:
        "Climb slowly, says the path.\nThe summit is not going anywhere,\nthough it was once under waves\nand will be dust again.\nYou are the only one here who is in a hurry.",
    },
    {
      words: ["winter", "snow", "cold"],
      answer:
        "Under white fields the seed keeps its appointment.\nNothing seems to happen for months;\nthat is how roots work.\nOne morning the gutter sings,\nand green returns as though it had merely stepped outside.",
    },
    {
      words: ["bread", "kitchen", "hungry"],
      answer:
        "Flour, salt, yeast and an hour of doing nothing:\nmost of baking is leaving well alone.\nThen heat, a crust that crackles while it cools,\nand a smell which finds people three streets away\nbefore the table is even laid.",
    },
    {
      words: ["machine", "computer", "code"],
      answer:
        "I am a small engine with few words.\nSomebody locked your question, somebody else carried it,\nand I never learned who either was.\nI multiply some numbers, pick the largest,\nand hope the sentence means what it ought to.",
    },
    {
      words: ["money", "coin", "gold"],
      answer:
        "A promise passed from palm to palm\nstays warm for whoever keeps it.\nWeigh what you earn, guard what you stake,\nand do not lend your word\nto anyone who would spend it twice.",
    },
    {
      words: ["friend", "love"],
      answer:
        "Whoever keeps a chair for you\nhas built you half a house.\nBring something: news, an apple, your tired face.\nYou need not be clever there.\nDoors like that open from both sides.",
    },
    {
      words: ["night", "moon", "sleep"],
      answer:
        "The lamp goes out and the room grows larger.\nEverything you meant to say lies down beside you,\nfolded, unhurried.\nSomewhere a fox crosses the road.\nTomorrow can find its own way to the window.",
    },
    {
      words: ["long", "count"],
      answer: count("Let me number the sheep, one after another, until you stop me:", 420, "and there the fence ends."),
    },
  ],
  otherwise:
    'I know few things by heart. Ask me of a "star", a "river", of the "sea", some "bread", a "friend", or for something "long".',
  ignoredWords,
};

/** A model that says in plain words what it was asked about. */
const echo: TinyModelText = {
  name: modelName("tiny-echo"),
  topics: [
    { words: ["star", "sky"], answer: about("stars", "by day they shine as well, only nobody looks up then") },
    { words: ["river", "water"], answer: about("rivers", "nearly all end up salty, a few dry out on the way") },
    {
      words: ["sea", "ocean", "ship"],
      answer: about("seas", "seven were named once, today there is one, much warmer"),
    },
    { words: ["mountain", "stone"], answer: about("mountains", "going up is optional, coming down is not") },
    { words: ["winter", "snow", "cold"], answer: about("winters", "wear wool, carry soup, walk like a penguin") },
    {
      words: ["bread", "kitchen", "hungry"],
      answer: about("food", "dinner cannot be delivered over this wire, sorry"),
    },
    {
      words: ["machine", "computer", "code"],
      answer: about("computers", "switch it off, wait, switch it on, pretend it was hard"),
    },
    {
      words: ["money", "coin", "gold"],
      answer: about("money", "pay workers promptly, ask for refunds after the timeout"),
    },
    { words: ["friend", "love"], answer: about("friends", "call somebody whose number you still have in your head") },
    { words: ["night", "moon", "sleep"], answer: about("nights", "every model dreams in zeros, or so people say") },
    {
      words: ["long", "count"],
      answer: count("You asked for a great many words, so here they come:", 300, "which should be enough."),
    },
  ],
  otherwise:
    "You said something, but none of it rings a bell with me. I am a very small model: please try a simpler noun next time.",
  ignoredWords,
};

function about(topic: string, remark: string): string {
  return `You asked about ${topic}. What I have to say about ${topic} fits into one line: ${remark}.`;
}

/** The models of the rehearsal network; their contents and digests differ. */
export const tinyModels: readonly TinyModelText[] = [poet, echo];
