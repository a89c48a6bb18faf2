/** Width and height of a size like `1280x720`. */
export const sides = (size: string): [number, number] => {
  const [width, height] = size.split("x").map(Number);
  return [width || 1, height || 1];
};
