import type { ButtonHTMLAttributes, ComponentChildren } from "preact";

type Kind = "primary" | "plain" | "quiet" | "danger";

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "class" | "type"> {
  kind?: Kind;
  busy?: boolean;
  submit?: boolean;
  children: ComponentChildren;
}

/** A button; a busy one stays focusable, and says that it is. Enter presses it once, also when held. */
export function Button({ kind = "plain", busy = false, submit = false, children, ...rest }: ButtonProps) {
  return (
    <button
      type={submit ? "submit" : "button"}
      class={`button ${kind}`}
      aria-disabled={busy || undefined}
      onKeyDown={(event) => event.key === "Enter" && event.repeat && event.preventDefault()}
      {...rest}
    >
      {children}
    </button>
  );
}
