// What the server wrote into the page.

export interface Entra {
  authority: string;
  client: string;
  scope: string;
}

const written = document.querySelector<HTMLMetaElement>('meta[name="studio"]')?.content;

export const entra: Entra | null = written ? (JSON.parse(written).entra ?? null) : null;
