// One alert: where the name of somebody is known, it need not be asked again.
import { fillNames } from "./quick.js";

fillNames(document);
