/*
 * Names whose beginning is ours and whose end AWS's provider makes up, so that one which a killed run made is in nobody's way, and is known as ours.
 */

/** What the names of a region's log groups begin with. Pure. @param stack `<project>/<stack>` */
export const logGroupPrefix = (stack: string, name: string): string => `/lightchain/${stack}/${name}-`;

/** What the names of its budgets begin with. Pure. */
export const budgetPrefix = (stack: string, name: string): string => `lightchain ${stack} ${name}-`;

/** Whether a name is one with such a beginning: its end is the time and a counter. Pure. */
export const isMadeUp = (name: string, beginning: string): boolean =>
  name.startsWith(beginning) && /^\d{18}[0-9a-f]{8}$/.test(name.slice(beginning.length));
