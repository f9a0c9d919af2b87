// The page is fetched anew every five seconds, unless somebody is reading or choosing something.
setInterval(() => {
  const busy = document.hidden || document.querySelector("details[open], input:focus");
  if (!busy) location.reload();
}, 5000);
