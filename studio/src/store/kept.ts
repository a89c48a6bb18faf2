// What the browser keeps for this page. Where it keeps nothing, as with all cookies blocked, this tab
// remembers until it is reloaded.

const instead = { tab: new Map<string, string>(), browser: new Map<string, string>() };

export type Where = keyof typeof instead;

const stores: Record<Where, () => Storage> = {
  tab: () => sessionStorage,
  browser: () => localStorage,
};

export function keep(where: Where, name: string, value: string): void {
  try {
    stores[where]().setItem(name, value);
  } catch {
    instead[where].set(name, value);
  }
}

export function kept(where: Where, name: string): string | null {
  try {
    return stores[where]().getItem(name) ?? instead[where].get(name) ?? null;
  } catch {
    return instead[where].get(name) ?? null;
  }
}

export function drop(where: Where, name: string): void {
  instead[where].delete(name);
  try {
    stores[where]().removeItem(name);
  } catch {
    // it was never kept
  }
}
